"""Numbers changed one by one, by a number for each channel, by waves or by their neighbours.

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


def with_waves(x: Tensor, across: Scalar, down: Scalar, phase: Scalar, depth: Scalar) -> Tensor:
    """x with `depth` times the sine of `across` * column + `down` * row + `phase` (radians) added to every map."""
    if (made := native.reshape(x, "waves", across, down, numbers=(phase, depth))) is not None:
        return made
    columns, rows = (torch.arange(size, dtype=torch.float32, device=x.device) for size in (x.shape[3], x.shape[2]))
    one, two = columns * across + phase, rows * down
    plane = torch.outer(two.cos(), one.sin()) + torch.outer(two.sin(), one.cos())  # from few sines
    return x + (plane * depth).to(x.dtype)


def rewired(x: Tensor, steps: Tensor) -> Tensor:
    """Each channel from the one `steps` on, in a circle; between two it is a mixture of both."""
    count, whole = x.shape[1], steps.floor()
    if (made := native.reshape(x, "wires", whole % count, steps - whole)) is not None:
        return made
    first = torch.arange(count, device=x.device) + whole.long()
    return torch.lerp(x[:, first % count], x[:, (first + 1) % count], (steps - whole).to(x.dtype))


def mixed(x: Tensor, made: Tensor, shares: Tensor) -> Tensor:
    """x with `shares` [C] of `made` in each channel."""
    mix = native.reshape(x, "mix", numbers=shares, other=made)
    return torch.lerp(x, made, shares.to(x.dtype)[:, None, None]) if mix is None else mix
