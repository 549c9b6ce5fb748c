"""Turning (Broad 2021, "rotate"): about (W/2, H/2) in pixel indices, so half a pixel off the true centre, as there."""

from typing import Annotated, Any

import torch
from torch import Tensor

from models.bending.warp import outside, scalar, turned
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("angle",)


def rotate(
    x: Tensor,
    *,
    angle: Annotated[Scalar, Span(-360, 360, "degrees", "how far the maps are turned, counter-clockwise")] = 0.0,
    edge: Annotated[Scalar, Span(0, 1, "", "what comes in from outside: nothing (0) or the mirrored map (1)")] = 0.0,
    border: str = "mixed",
) -> Tensor:
    """Turn the maps about their middle."""
    turn = torch.deg2rad(scalar(angle, x))
    return turned(x, (x.shape[3] / 2, x.shape[2] / 2), turn.cos(), turn.sin(), edge, border)


def choose(edge: float) -> dict[str, Any]:
    """How the outside is treated, where the host knows it."""
    return outside(edge)
