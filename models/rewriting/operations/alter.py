"""Filters are pushed off their way. After Klingemann, "neural glitch" (2018); the form is ours."""

import torch
from torch import Tensor

from models.rewriting.operations import Change, Job

SIGMA = 1.5


def alter(job: Job) -> list[Change]:
    """Add chance to a share of the filters.

    W + sigma std(W) N(0, 1), std over the layer. Demodulation gives every filter back its loudness, so what shows is
    the turn: at strength 1 the filter points about 56 degrees away from where it was trained to.
    """
    chosen = job.chosen(len(job.home(job.site.weight)))
    if not len(chosen):
        return []
    index, scale = job.places(chosen), job.spread[job.site.weight] * SIGMA

    def over(now: Tensor) -> Tensor:
        drawn = job.draws.normal(job.seed, job.site.weight, len(chosen), now[0].numel(), now.device)
        return torch.addcmul(now.index_select(0, index), drawn.view(len(chosen), *now.shape[1:]), scale)

    return [Change(job.site.weight, 0, index, over)]
