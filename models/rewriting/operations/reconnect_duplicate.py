"""Filters overwrite others. Ruzicka, "Reconnecting convolutional layers" (2020), as the published code works."""

from torch import Tensor

from models.rewriting.operations import Change, Job


def reconnect_duplicate(job: Job) -> list[Change]:
    """Of each drawn pair of filters, let the first speak in the second's place, too: half of the share is lost."""
    chosen = job.chosen(len(job.home(job.site.weight)))
    chosen = chosen[: len(chosen) // 2 * 2]
    if not len(chosen):
        return []
    index, source = job.places(chosen[1::2]), job.places(chosen[::2])

    def over(now: Tensor) -> Tensor:
        return now.index_select(0, source)

    return [Change(job.site.weight, 0, index, over)]
