"""Numbers changed one by one, by a number for each channel or for each pixel.

On a processor torch spreads a [C, 1, 1] or an [H, W] over a channels-last map twenty times slower than it adds two
maps; so there it is machine code, where there is any.

Legend: N pictures, C channels, H rows and W columns of pixels.
"""

from __future__ import annotations

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


def stepped(x: Tensor, step: Tensor) -> Tensor:
    """Rounded to multiples of `step`."""
    made = native.reshape(x, "step", step)
    return (x / step).round_().mul_(step) if made is None else made


def spread_about_mean(x: Tensor, factor: Scalar) -> Tensor:
    """`factor` times as far from each map's mean."""
    made = native.reshape(x, "about", factor)
    return x * factor + x.mean((2, 3), keepdim=True) * (1 - factor) if made is None else made


def with_plane(x: Tensor, plane: Tensor) -> Tensor:
    """x with `plane` [H, W] added to every map."""
    made = native.reshape(x, "plane", numbers=plane.expand(x.shape[2:]))
    return x + plane.to(x.dtype) if made is None else made


def mixed(x: Tensor, made: Tensor, shares: Tensor) -> Tensor:
    """x with `shares` [C] of `made` in each channel."""
    mix = native.reshape(x, "mix", numbers=shares, other=made)
    return torch.lerp(x, made, shares.to(x.dtype)[:, None, None]) if mix is None else mix
