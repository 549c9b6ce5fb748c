"""Numbers changed one by one, by a number for each channel or for each pixel.

On a processor torch spreads a [C, 1, 1] or an [H, W] over a channels-last map twenty times slower than it adds two
maps; so there it is machine code, where there is any.

Legend: N pictures, C channels, H rows and W columns of pixels.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from models.bending import native
from models.generators import Scalar


def gated(x: Tensor, limit: Tensor) -> Tensor:
    """Every number less `limit`, towards 0."""
    made = native.reshape(x, "gate", limit)
    return x - torch.maximum(torch.minimum(x, limit), -limit) if made is None else made


def folded(x: Tensor, threshold: Scalar, depth: Scalar) -> Tensor:
    """What lies above `threshold` is taken down `depth` times."""
    made = native.reshape(x, "fold", threshold, depth)
    return x - (x - threshold).relu_() * depth if made is None else made


def scaled_and_moved(x: Tensor, factor: Scalar, numbers: Tensor) -> Tensor:
    """x times `factor`, and to each map one of `numbers` [N, C]."""
    made = native.reshape(x, "each", factor, numbers=numbers)
    return x * factor + numbers[:, :, None, None] if made is None else made


def means(x: Tensor) -> Tensor:
    """The mean of each map, [N, C]."""
    stripes = native.average(x, _stripes(x.shape[2]), _stripes(x.shape[3], 1))
    return x.mean((2, 3)) if stripes is None else stripes.mean((2, 3))


@lru_cache(maxsize=64)
def _stripes(length: int, most: int = 8) -> tuple[Tensor, Tensor]:
    """The most equal parts of a length, `most` at most: where they begin and where they end."""
    count = max(part for part in range(1, most + 1) if length % part == 0)
    edges = torch.arange(0, length + 1, length // count, dtype=torch.int32)
    return edges[:-1].clone(), edges[1:].clone()


def with_plane(x: Tensor, plane: Tensor) -> Tensor:
    """x with `plane` [H, W] added to every map."""
    made = native.reshape(x, "plane", numbers=plane.expand(x.shape[2:]))
    return x + plane.to(x.dtype) if made is None else made


def mixed(x: Tensor, made: Tensor, shares: Tensor) -> Tensor:
    """x with `shares` [C] of `made` in each channel."""
    mix = native.reshape(x, "mix", numbers=shares, other=made)
    return torch.lerp(x, made, shares.to(x.dtype)[:, None, None]) if mix is None else mix
