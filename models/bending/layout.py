"""Numbers changed one by one, by a number for each channel, by waves or by their neighbours.

On a processor torch spreads a [C, 1, 1] or an [H, W] over a channels-last map twenty times slower than it adds two
maps; so there it is machine code, where there is any.

Legend: N pictures, C channels, H rows and W columns of pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from models.bending import native
from models.generators import Scalar


class Members(NamedTuple):
    """Which channels a transform works on where all of them come in, as tensors on the device: `marks` [C] float32 is
    1 for each and 0 for the others, `order` [C] int64 has them first, and there are `total` (0-d int64, at least 1).
    """

    marks: Tensor
    order: Tensor
    total: Tensor


def gated(x: Tensor, limit: Tensor) -> Tensor:
    """Every number less `limit`, towards 0."""
    made = native.reshape(x, "gate", limit)
    return x - x.clamp(-limit, limit) if made is None else made


def folded(x: Tensor, threshold: Scalar, depth: Scalar) -> Tensor:
    """What lies above `threshold` is taken down `depth` times."""
    made = native.reshape(x, "fold", threshold, depth)
    if made is not None:
        return made
    threshold, depth = (number.to(x.dtype) if isinstance(number, Tensor) else number for number in (threshold, depth))
    return torch.lerp(x, x.clamp(max=threshold), depth)


def stepped(x: Tensor, step: Tensor) -> Tensor:
    """Rounded to multiples of `step`."""
    made = native.reshape(x, "step", step)
    return (x / step).round_().mul_(step) if made is None else made


def spread_about_mean(x: Tensor, factor: Scalar) -> Tensor:
    """`factor` times as far from each map's mean."""
    made = native.reshape(x, "about", factor)
    if made is not None:
        return made
    return torch.lerp(x.mean((2, 3), keepdim=True), x, factor.to(x.dtype) if isinstance(factor, Tensor) else factor)


def with_waves(x: Tensor, across: Scalar, down: Scalar, phase: Scalar, depth: Scalar) -> Tensor:
    """x with `depth` times the sine of `across` * column + `down` * row + `phase` (radians) added to every map."""
    if (made := native.reshape(x, "waves", across, down, numbers=(phase, depth))) is not None:
        return made
    columns, rows = (torch.arange(size, dtype=torch.float32, device=x.device) for size in (x.shape[3], x.shape[2]))
    one, two = columns * across + phase, rows * down
    plane = torch.outer(two.cos(), one.sin()) + torch.outer(two.sin(), one.cos())  # from few sines
    return x + (plane * depth).to(x.dtype)


def rewired(x: Tensor, steps: Tensor, members: Members | None = None) -> Tensor:
    """Each channel from the one `steps` on, in a circle; between two it is a mixture of both. With `members` these
    alone are the circle.
    """
    count, whole = x.shape[1], steps.floor()
    if members is None and (made := native.reshape(x, "wires", whole % count, steps - whole)) is not None:
        return made
    first = torch.arange(count, device=x.device) + whole.long()
    wires = first % count, (first + 1) % count
    if members is not None:
        order = members.order  # the circle's places -> channels
        near, far = (order.index_select(0, place.remainder_(members.total)) for place in (first, first + 1))
        wires = torch.empty_like(order).scatter_(0, order, near), torch.empty_like(order).scatter_(0, order, far)
    near, far = (x.permute(0, 2, 3, 1).index_select(3, wire).permute(0, 3, 1, 2) for wire in wires)
    return torch.lerp(near, far, (steps - whole).to(x.dtype))


def mixed(x: Tensor, made: Tensor, shares: Tensor) -> Tensor:
    """x with `shares` [C] of `made` in each channel."""
    mix = native.reshape(x, "mix", numbers=shares, other=made)
    return torch.lerp(x, made, shares.to(x.dtype)[:, None, None]) if mix is None else mix
