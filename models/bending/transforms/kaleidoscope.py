"""A kaleidoscope: one sector, mirrored round the middle. Ours."""

import math
from typing import Annotated

import torch
from torch import Tensor

from models.bending.warp import pixels, resample, scalar
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("sectors",)


def kaleidoscope(
    x: Tensor,
    *,
    sectors: Annotated[Scalar, Span(0, 16, "", "mirrors round the middle; below 1 there are none")] = 0.0,
    turn: Annotated[Scalar, Span(-360, 360, "degrees", "which sector is shown")] = 0.0,
) -> Tensor:
    """Mirror one sector of the maps round their middle."""
    columns, rows = pixels(x)
    cx, cy = (x.shape[3] - 1) / 2, (x.shape[2] - 1) / 2
    across, down = columns - cx, rows - cy
    count, start = scalar(sectors, x), torch.deg2rad(scalar(turn, x))
    sector = (2 * math.pi) / count.clamp(min=1)
    angle = torch.remainder(torch.atan2(down, across) - start, sector)
    angle = torch.minimum(angle, sector - angle) + start
    radius = torch.hypot(across, down)
    px = torch.where(count < 1, columns, cx + radius * angle.cos())
    py = torch.where(count < 1, rows, cy + radius * angle.sin())
    return resample(x, px, py, 1.0, "mirror")
