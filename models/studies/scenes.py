"""Plain scenes drawn by program with all factors known (METHODS K-P): one disc or one star on a plain ground.

Stand-ins for two sets of photographs. Both kinds are drawn from the same places, sizes, turns and colours, so that a
classifier can tell them apart by shape alone.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

Kind = Literal["circle", "star"]
OVER = 3  # drawn this many times as large and averaged down
POINTS = 5
INNER = 0.42  # radius of a star's inner corners beside its outer ones


def scenes(kind: Kind, count: int, size: int, seed: int) -> Tensor:
    """[count, 3, size, size] in -1..1. The same numbers draw the same factors for both kinds."""
    factors = torch.rand([count, 9], generator=torch.Generator().manual_seed(seed))
    return torch.cat([_draw(kind, part, size) for part in torch.split(factors, 256)])


def _draw(kind: Kind, u: Tensor, size: int) -> Tensor:
    """Factors u [N, 9] in 0..1 -> pictures."""
    axis = (torch.arange(size * OVER) + 0.5) / (size * OVER) * 2 - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    radius = 0.55 + 0.3 * u[:, 0, None, None]
    cx, cy = (0.15 * (2 * u[:, k, None, None] - 1) for k in (1, 2))
    x, y = x - cx, y - cy
    if kind == "circle":
        inside = torch.hypot(x, y) < 0.7 * radius  # about the area of a star
    else:
        inside = torch.hypot(x, y) < radius * 1.12 * _star_edge(torch.atan2(y, x) + 0.5 * (u[:, 3, None, None] - 0.5))
    shape = torch.nn.functional.avg_pool2d(inside[:, None].float(), OVER)
    return _hue(u[:, 4], u[:, 5], 0.9) * shape + _hue(u[:, 6], u[:, 7], 0.2) * (1 - shape)


def _star_edge(angle: Tensor) -> Tensor:
    """The distance of a star's edge from its middle at this angle, 1 at the points."""
    half = math.pi / POINTS
    a = (angle % (2 * half) - half).abs()  # 0 at an inner corner, half at a point
    # The straight line between the inner corner (INNER at angle 0) and the point (1 at angle half).
    return INNER * math.sin(half) / (INNER * torch.sin(a) + torch.sin(half - a))


def _hue(hue: Tensor, light: Tensor, bright: float) -> Tensor:
    """[N, 3, 1, 1] in -1..1: a colour of the circle, about as bright as `bright`."""
    phase = 2 * math.pi * (hue[:, None] + torch.tensor([0.0, 1 / 3, 2 / 3]))
    value = bright * (0.6 + 0.4 * light[:, None]) * (0.6 + 0.4 * torch.cos(phase))
    return (2 * value - 1)[:, :, None, None]
