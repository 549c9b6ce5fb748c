"""Filters trade places with those of another layer. After Klingemann, "neural glitch" (2018); the form is ours."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from models.rewriting.operations import Change, Job
from models.rewriting.operations.exchange import exchange


def exchange_layers(job: Job) -> list[Change]:
    """Trade a share of the filters with another layer of the same shape, which the seed picks.

    Within the layer where there is no other of its shape, as in the last ones, which grow thin step by step.
    What comes from the other layer comes as the network was loaded, whatever is done to it at the same time.
    """
    own = job.home(job.site.weight)
    others = [site for site in job.sites if site != job.site and job.home(site.weight).shape == own.shape]
    if not others:
        return exchange(job)
    rng = job.chance()
    here = job.chosen(len(own), rng)
    there = job.chosen(len(own), rng)
    if not len(here):
        return []
    other = others[rng.integers(len(others))]
    mine, its = job.site.weight, other.weight
    return [_trade(job, mine, here, its, there), _trade(job, its, there, mine, here)]


def _trade(job: Job, name: str, places: NDArray[np.int64], other: str, source: NDArray[np.int64]) -> Change:
    index, foreign = job.places(places), job.places(source)

    def over(_: Tensor) -> Tensor:
        return job.home(other).index_select(0, foreign)

    return Change(name, 0, index, over)
