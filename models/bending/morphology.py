"""Erosion and dilation over an ellipse, for a radius that moves.

The ellipse is that of the paper's program (OpenCV's): row dy reaches round(r sqrt((r^2 - dy^2) / r^2)) pixels to each
side. It is a union of a few rectangles, and an extremum over a rectangle costs a logarithmic number of passes. Between
two whole radii the result is mixed, so that a whole radius is exactly the author's and a fader glides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from models.bending import native
from models.bending.warp import scalar
from models.generators import Scalar

LARGEST = 8
Pick = Callable[..., Tensor]  # torch.minimum or torch.maximum


@cache
def half_widths(radius: int) -> tuple[int, ...]:
    """How far the ellipse reaches to each side in the rows 0 to `radius` from its middle."""
    r2 = radius * radius
    return (0,) if radius == 0 else tuple(round(radius * math.sqrt((r2 - dy * dy) / r2)) for dy in range(radius + 1))


@cache
def _rectangles(radius: int) -> tuple[tuple[int, int], ...]:
    """The ellipse as rectangles: (half width, half height)."""
    widths = half_widths(radius)
    return tuple((w, max(dy for dy, reach in enumerate(widths) if reach >= w)) for w in sorted(set(widths)))


def extremum(x: Tensor, radius: Scalar, pick: Pick, outside: float, between: tuple[int, int]) -> Tensor:
    """The extremum around each pixel of x [N, C, H, W]; what lies outside the map does not count.

    `between` is a pair of whole radii with the radius inside; the wider, the more is computed.
    """
    low, high = between
    if high - low > 1:
        return _all_the_way(x, scalar(radius, x), pick, outside, low, high)
    if (ready := _natively(x, radius, pick, between)) is not None:
        return ready
    made = x.clone() if low == 0 else _whole(x, low, pick, outside)
    if low == high:
        return made
    share = (scalar(radius, x) - low).clamp(0, 1).to(x.dtype)
    return torch.lerp(made, _whole(x, high, pick, outside), share)


def _natively(x: Tensor, radius: Scalar, pick: Pick, between: tuple[int, int]) -> Tensor | None:
    low, high = between
    if x.device.type != "cpu":
        return None
    share = min(max(float(radius) - low, 0.0), 1.0)
    widths = [half_widths(whole) for whole in range(low, high + 1)]
    return native.extremum(x, widths, share, pick is torch.minimum)


def bounds(radius: float) -> tuple[int, int]:
    """The whole radii around a radius."""
    return math.floor(radius), math.ceil(radius)


def _all_the_way(x: Tensor, radius: Tensor, pick: Pick, outside: float, low: int, high: int) -> Tensor:
    """As `extremum`, for a card that is to do the same whatever the radius: each ellipse is made of smaller ones."""
    height, width = x.shape[2:]
    shares = (radius - torch.arange(low, high, dtype=torch.float32, device=x.device)).clamp_(0, 1).to(x.dtype)
    grown = [F.pad(x, (high, high, high, high), value=outside)]  # by radius; each reaches `radius` pixels less far
    made: Tensor | None = None
    for whole in range(high + 1):
        if whole > 0:
            grown.append(_joined(grown, whole, pick))
        if whole >= low:
            rest = high - whole
            here = grown[whole][:, :, rest : rest + height, rest : rest + width]
            made = here.clone() if made is None else torch.lerp(made, here, shares[whole - 1 - low])
    assert made is not None
    return made


def _joined(grown: Sequence[Tensor], radius: int, pick: Pick) -> Tensor:
    """The extremum over the ellipse of `radius` out of those over smaller ones."""
    height, width = (side - 2 for side in grown[radius - 1].shape[2:])
    parts = []
    for smaller, down, across in _made_of(radius):
        rest = radius - smaller  # pixels that this one has more on each side
        top, left = rest + down, rest + across
        parts.append(grown[smaller][:, :, top : top + height, left : left + width])
    made = pick(parts[0], parts[1])
    for part in parts[2:]:
        pick(made, part, out=made)
    return made


@cache
def _made_of(radius: int) -> tuple[tuple[int, int, int], ...]:
    """Smaller ellipses whose union is this one: (radius, rows down, columns across), few of them."""
    able = [(r, dy, dx, _ellipse(r, dy, dx)) for r in range(radius) for dy, dx in _ellipse(radius - r, 0, 0)]
    left = set(_ellipse(radius, 0, 0))
    able = [one for one in able if one[3] <= left]
    found = []
    while left:
        best = max(able, key=lambda one: (len(one[3] & left), one[0]))
        found.append(best[:3])
        left -= best[3]
    return tuple(found)


@cache
def _ellipse(radius: int, down: int, across: int) -> frozenset[tuple[int, int]]:
    """Its pixels (row, column) about this place."""
    reach = half_widths(radius)
    rows = range(-radius, radius + 1)
    return frozenset((down + dy, across + dx) for dy in rows for dx in range(-reach[abs(dy)], reach[abs(dy)] + 1))


def _whole(x: Tensor, radius: int, pick: Pick, outside: float) -> Tensor:
    height, width = x.shape[2:]
    padded = F.pad(x, (radius, radius, radius, radius), value=outside)
    made: Tensor | None = None
    for w, h in _rectangles(radius):
        part = padded[:, :, radius - h : radius + h + height, radius - w : radius + w + width]
        part = _running(_running(part, 3, 2 * w + 1, pick), 2, 2 * h + 1, pick)
        made = part if made is None else pick(made, part)
    assert made is not None
    return made


def _running(x: Tensor, axis: int, count: int, pick: Pick) -> Tensor:
    """The extremum over `count` neighbours along an axis, which becomes `count` - 1 shorter: windows of 1, 2, 4, ..."""
    reach = 1
    while reach < count:
        step = min(reach, count - reach)
        length = x.shape[axis] - step
        x = pick(x.narrow(axis, 0, length), x.narrow(axis, step, length))
        reach += step
    return x
