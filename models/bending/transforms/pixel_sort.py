"""Pixel sorting (Asendorf 2010) inside the network: runs of bright pixels are put in order along their rows. Ours.

One order, that of the mean over channels, is used for all of them, as picture editors sort pixels and not colours.
"""

from typing import Annotated

import torch
from torch import Tensor

from models.bending.layout import Members
from models.bending.warp import scalar, take
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("threshold",)
TOGETHER = True  # one order for all channels


def pixel_sort(
    x: Tensor,
    *,
    threshold: Annotated[Scalar, Span(0, 1, "", "pixels brighter than this share are sorted: 1 none, 0 all")] = 1.0,
    members: Members | None = None,
) -> Tensor:
    """Sort runs of bright pixels along their rows."""
    height, width = x.shape[2:]
    if members is None:
        mean = x.mean(1, dtype=torch.float32)  # [N, H, W]
    else:
        mean = (x.float() * (members.marks / members.total)[:, None, None]).sum(1)
    low, high = mean.amin((1, 2), keepdim=True), mean.amax((1, 2), keepdim=True)
    bright = ((mean - low) / (high - low).clamp(min=1e-12)).clamp(0, 1)
    chosen = bright > scalar(threshold, x)
    # A pixel that stays begins a run of its own; the chosen ones that follow are of its run, behind it.
    run = (~chosen).float().cumsum(2)
    order = (run + chosen.float() * (0.25 + 0.5 * bright)).argsort(dim=2, stable=True)
    return take(x, order + torch.arange(height, device=x.device)[:, None] * width)
