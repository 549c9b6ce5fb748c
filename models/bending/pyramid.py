"""Soft focus over octaves: a map averaged over ever larger squares and enlarged again."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

DEEPEST = 5


def coarse(x: Tensor, octave: int) -> Tensor:
    """x [N, C, H, W] averaged over squares of 2^octave pixels and brought back to its size, smoothly."""
    if octave == 0:
        return x.clone()
    height, width = ((side + (1 << octave) - 1) >> octave for side in x.shape[2:])
    small = F.adaptive_avg_pool2d(x, (height, width))
    return F.interpolate(small, size=list(x.shape[2:]), mode="bilinear", align_corners=False)


def at(x: Tensor, octaves: Tensor, between: tuple[int, int]) -> Tensor:
    """The pyramid at a moving depth, mixed between the whole octaves of `between` around it."""
    low, high = between
    made = coarse(x, low)
    for whole in range(low + 1, high + 1):
        made = torch.lerp(made, coarse(x, whole), (octaves - (whole - 1)).clamp(0, 1).to(x.dtype))
    return made
