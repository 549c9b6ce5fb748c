"""A layer goes deaf. After Klingemann, "neural glitch" (2018); the form is ours."""

import torch
from torch import Tensor

from models.rewriting.operations import Change, Job


def delete_inputs(job: Job) -> list[Change]:
    """Deafen the layer to a share of what it reads; its neighbours still hear it."""
    chosen = job.chosen(job.home(job.site.weight).shape[1])
    if not len(chosen):
        return []
    index = job.places(chosen)

    def over(now: Tensor) -> Tensor:
        return torch.zeros_like(now.index_select(1, index))

    return [Change(job.site.weight, 1, index, over)]
