"""Which neurons a method switches on: pure functions over a layer's statistics.

Legend: C neurons of the layer, N pictures decoded at once, K neurons at most.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def low_active(rates: Tensor, lo: float = 1.0, hi: float = 15.0) -> Tensor:
    """rates [C] 0..1 -> [C] bool: ever active, and between the percentiles `lo` and `hi` of those that ever are.

    Both ends belong to it, and in a small layer the nearest neuron outside, so there is always one. None of a layer
    where nothing is ever active.
    """
    rates = rates.detach().cpu()
    ever = rates > 0
    if not ever.any():
        return ever
    lo, hi = min(lo, hi), max(lo, hi)
    known = rates[ever].double().numpy()
    least, most = np.percentile(known, lo, method="lower"), np.percentile(known, hi, method="higher")
    return ever & (rates.double() >= float(least)) & (rates.double() <= float(most))


def idea(able: Tensor, likeness: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """One of the neurons `able` [N, C] bool of each row, and those of them most like it: [N, K] indices.

    `likeness` [C, C] is the correlation of activities. The first column is the one drawn; a row with fewer than
    `count` that are able is filled up with -1.
    """
    count = min(count, able.shape[1])
    lots = torch.rand(able.shape, generator=rng, device=rng.device).to(able.device)
    first = lots.masked_fill(~able, -1).argmax(1)  # [N]
    near = likeness[first].float().masked_fill(~able, -torch.inf)
    near.scatter_(1, first[:, None], torch.inf)  # itself before all others, also where it has no correlation
    values, chosen = near.topk(count, dim=1)
    return chosen.masked_fill((values == -torch.inf) | ~able.any(1, keepdim=True), -1)


def drawn(able: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """`count` different neurons of those `able` [N, C] bool, at random: [N, K] indices, -1 where there are no more."""
    lots = torch.rand(able.shape, generator=rng, device=rng.device).to(able.device).masked_fill(~able, -1)
    values, chosen = lots.topk(min(count, able.shape[1]), dim=1)
    return chosen.masked_fill(values < 0, -1)


def marked(chosen: Tensor, neurons: int) -> Tensor:
    """Indices [N, K], -1 for none -> [N, neurons] bool."""
    marks = torch.zeros([len(chosen), neurons + 1], dtype=torch.bool, device=chosen.device)
    return marks.scatter_(1, chosen.where(chosen >= 0, neurons), True)[:, :neurons]
