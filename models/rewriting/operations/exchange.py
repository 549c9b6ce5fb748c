"""Filters trade places in a ring. After Klingemann, "neural glitch" (2018); the form is ours."""

import numpy as np
from torch import Tensor

from models.rewriting.operations import Change, Job


def exchange(job: Job) -> list[Change]:
    """Pass a share of the filters on in a ring: each does another's work, all are still there."""
    chosen = job.chosen(len(job.home(job.site.weight)))
    if len(chosen) < 2:
        return []
    index, source = job.places(chosen), job.places(np.roll(chosen, -1))

    def over(now: Tensor) -> Tensor:
        return now.index_select(0, source)

    return [Change(job.site.weight, 0, index, over)]
