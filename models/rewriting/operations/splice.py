"""Filters of another model. Collins, Ruzicka, Grierson, "Remixing AIs" (2020)."""

from torch import Tensor

from models.rewriting.operations import Change, Impossible, Job


def splice(job: Job) -> list[Change]:
    """Put another model's filters in the place of a share of these, with their biases.

    At 100 percent the whole layer is the other's: styles, noise and the way to RGB, too; where all layers are meant,
    also the mapping network, so that it is the other model.
    """
    if job.donor is None:
        raise Impossible("there is no second model of the same shape to splice from; load one")
    donor, weight = job.donor, job.site.weight
    if job.share == 1:
        return [_whole(donor[name], name) for name in (*job.site.tensors, *job.around)]
    chosen = job.chosen(len(job.home(weight)))
    if not len(chosen):
        return []
    index = job.places(chosen)

    def rows(name: str) -> Change:
        return Change(name, 0, index, lambda _: donor[name].index_select(0, index))

    bias = weight.removesuffix("weight") + "bias"
    return [rows(name) for name in (weight, bias) if name in job.site.tensors]


def _whole(other: Tensor, name: str) -> Change:
    return Change(name, 0, None, lambda _: other.clone())
