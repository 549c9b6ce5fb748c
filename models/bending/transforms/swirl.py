"""A whirl: the middle is turned, the outside stays. Ours."""

from typing import Annotated, Any

import torch
from torch import Tensor

from models.bending.warp import outside, pixels, resample, scalar
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("turn",)


def swirl(
    x: Tensor,
    *,
    turn: Annotated[Scalar, Span(-720, 720, "degrees", "how far the middle is turned")] = 0.0,
    reach: Annotated[Scalar, Span(0.05, 1.5, "half widths", "where it fades out")] = 1.0,
    edge: Annotated[Scalar, Span(0, 1, "", "what comes in from outside: nothing (0) or the mirrored map (1)")] = 1.0,
    border: str = "mixed",
    margin: float = 0.0,
) -> Tensor:
    """Whirl the maps about their middle."""
    columns, rows = pixels(x)
    cx, cy = (x.shape[3] - 1) / 2, (x.shape[2] - 1) / 2
    across, down = columns - cx, rows - cy
    radius = torch.hypot(across, down) / (scalar(reach, x) * (min(x.shape[2:]) / 2 - margin))
    angle = torch.deg2rad(scalar(turn, x)) * (1 - radius).clamp(0, 1).square()  # [H, W]
    cosine, sine = angle.cos(), angle.sin()
    return resample(x, cx + (cosine * across - sine * down), cy + (sine * across + cosine * down), edge, border)


def choose(edge: float) -> dict[str, Any]:
    """How the outside is treated, where the host knows it."""
    return outside(edge)
