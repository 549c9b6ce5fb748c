"""A kaleidoscope: one sector, mirrored round the middle. Ours."""

import math
from typing import Annotated, Any

import torch
from torch import Tensor

from models.bending.warp import fetched, pixels, polar, resample, scalar, turns
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("sectors",)


def kaleidoscope(
    x: Tensor,
    *,
    sectors: Annotated[Scalar, Span(0, 16, "", "mirrors round the middle; below 1 there are none")] = 0.0,
    turn: Annotated[Scalar, Span(-360, 360, "degrees", "which sector is shown")] = 0.0,
    mirrored: bool = False,
) -> Tensor:
    """Mirror one sector of the maps round their middle."""
    columns, rows = pixels(x)
    (cx, cy), distance, direction = polar(x)
    count, start = scalar(sectors, x), torch.deg2rad(scalar(turn, x))
    sector = (2 * math.pi) / count.clamp(min=1)
    numbers = (cx, cy, sector if mirrored else torch.where(count < 1, 0.0, sector), start)
    if (made := fetched(x, "folded", 1.0, "mirror", distance, direction, numbers)) is not None:
        return made
    angle = direction - start
    angle -= (angle / sector).floor_().mul_(sector)  # torch.remainder, which takes four times as long
    angle = torch.minimum(angle, sector - angle).add_(start)  # [H, W]
    cosine, sine = turns(angle)
    px, py = cosine.mul_(distance).add_(cx), sine.mul_(distance).add_(cy)
    if not mirrored:
        px, py = torch.where(count < 1, columns, px), torch.where(count < 1, rows, py)
    return resample(x, px, py, 1.0, "mirror")


def choose(sectors: float) -> dict[str, Any]:
    """Whether there are mirrors at all."""
    return {"mirrored": sectors >= 1}
