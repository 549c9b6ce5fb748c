"""Soft focus over octaves: a map averaged over ever larger squares and enlarged again."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from models.bending import native
from models.bending.warp import resample

DEEPEST = 5


def coarse(x: Tensor, octave: int) -> Tensor:
    """x [N, C, H, W] averaged over squares of 2^octave pixels and brought back to its size, smoothly."""
    if octave == 0:
        return x.clone()
    h, w = x.shape[2:]
    height, width = ((side + (1 << octave) - 1) >> octave for side in (h, w))
    small = native.average(x, _bins(h, height), _bins(w, width))
    if small is None:
        small = F.adaptive_avg_pool2d(x, (height, width))
        return F.interpolate(small, size=[h, w], mode="bilinear", align_corners=False)
    return resample(small, _between(width, w)[None, :], _between(height, h)[:, None], 1.0, "mirror")


@lru_cache(maxsize=64)
def _bins(length: int, count: int) -> tuple[Tensor, Tensor]:
    """Where each of `count` bins over `length` pixels begins and ends, as adaptive pooling has them."""
    place = torch.arange(count)
    return (place * length // count).int(), (-(-(place + 1) * length // count)).int()


@lru_cache(maxsize=64)
def _between(length: int, count: int) -> Tensor:
    """Where each of `count` pixels lies among `length` coarse ones."""
    return ((torch.arange(count) + 0.5) * (length / count) - 0.5).clamp(0, length - 1)


def around(x: Tensor) -> Tensor:
    """The mean over each pixel and its eight neighbours; beyond the edge the outer pixels go on."""
    bins = [_neighbours(side) for side in x.shape[2:]]
    made = native.average(x, bins[0], bins[1])
    return F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1) if made is None else made


@lru_cache(maxsize=64)
def _neighbours(length: int) -> tuple[Tensor, Tensor]:
    place = torch.arange(length, dtype=torch.int32)
    return place - 1, place + 2


def at(x: Tensor, octaves: Tensor, between: tuple[int, int]) -> Tensor:
    """The pyramid at a moving depth, mixed between the whole octaves of `between` around it."""
    low, high = between
    if high - low > 1 and not native.plays(x):
        return _all_the_way(x, octaves, low, high)
    made = coarse(x, low)
    for whole in range(low + 1, high + 1):
        made = torch.lerp(made, coarse(x, whole), (octaves - (whole - 1)).clamp(0, 1).to(x.dtype))
    return made


def _all_the_way(x: Tensor, octaves: Tensor, low: int, high: int) -> Tensor:
    """As `at`, for a card that is to do the same whatever the depth: each octave is made of the one before."""
    size = x.shape[2], x.shape[3]
    shares = (octaves - torch.arange(low, high, dtype=torch.float32, device=x.device)).clamp_(0, 1).to(x.dtype)
    made, small = coarse(x, low), x
    for whole in range(1, high + 1):
        if all(side % (1 << whole) == 0 for side in size):
            small = F.avg_pool2d(small, 2)
        else:
            height, width = ((side + (1 << whole) - 1) >> whole for side in size)
            small = F.adaptive_avg_pool2d(x, (height, width))
        if whole > low:
            large = F.interpolate(small, size=list(size), mode="bilinear", align_corners=False)
            made = torch.lerp(made, large, shares[whole - 1 - low])
    return made
