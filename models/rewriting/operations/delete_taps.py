"""A layer's single weights are picked out. After Klingemann, "neural glitch" (2018); the form is ours."""

import numpy as np
import torch
from torch import Tensor

from models.rewriting.operations import Change, Job


def delete_taps(job: Job) -> list[Change]:
    """Zero a share of the layer's single weights: every filter goes on with holes in it."""
    home = job.home(job.site.weight)
    chosen = job.chosen(home.numel())
    if not len(chosen):
        return []
    left = np.ones(home.numel(), np.bool_)
    left[chosen] = False
    mask = torch.from_numpy(left.reshape(home.shape)).to(home.device, non_blocking=True)

    def over(now: Tensor) -> Tensor:
        return torch.where(mask, now, torch.zeros((), dtype=now.dtype, device=now.device))

    return [Change(job.site.weight, 0, None, over)]
