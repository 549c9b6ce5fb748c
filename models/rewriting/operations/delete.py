"""Filters fall silent. After Klingemann, "neural glitch" (2018); the form is ours."""

import torch
from torch import Tensor

from models.rewriting.operations import Change, Job


def delete(job: Job) -> list[Change]:
    """Unplug a share of the filters: nothing that reads them hears them.

    A filter of zeros would come to the same at strength 1, but for its bias and noise; on the way there demodulation
    would hide it, and the fader would be a switch. So the columns of the weights that read it go to zero instead.
    """
    chosen = job.chosen(len(job.home(job.site.weight)))
    if not len(chosen):
        return []
    index = job.places(chosen)

    def over(now: Tensor) -> Tensor:
        return torch.zeros_like(now.index_select(1, index))

    return [Change(name, 1, index, over) for name in job.site.readers]
