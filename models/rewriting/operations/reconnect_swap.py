"""Filters trade places in pairs. Ruzicka, "Reconnecting convolutional layers" (2020, GAN explorer), as he meant it."""

from torch import Tensor

from models.rewriting.operations import Change, Job


def reconnect_swap(job: Job) -> list[Change]:
    """Swap a share of the filters in pairs: the next layer reads one where it knows the other.

    The first of the drawn filters with the second, the third with the fourth; one that is left over stays. Bias and
    noise stay, too.
    """
    chosen = job.chosen(len(job.home(job.site.weight)))
    chosen = chosen[: len(chosen) // 2 * 2]
    if not len(chosen):
        return []
    index, source = job.places(chosen), job.places(chosen.reshape(-1, 2)[:, ::-1].reshape(-1))

    def over(now: Tensor) -> Tensor:
        return now.index_select(0, source)

    return [Change(job.site.weight, 0, index, over)]
