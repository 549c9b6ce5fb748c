"""Spread what is bright: the maximum over an ellipse (Broad 2021, "dilate").

Whole radii are the author's, between them it glides.
"""

from typing import Annotated, Any

import torch
from torch import Tensor

from models.bending.morphology import LARGEST, bounds, extremum
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("radius",)


def dilate(
    x: Tensor,
    *,
    radius: Annotated[Scalar, Span(0, LARGEST, "px", "radius of the ellipse, in pixels of the layer's map")] = 0.0,
    between: tuple[int, int] = (0, LARGEST),
) -> Tensor:
    """Spread what is bright."""
    return extremum(x, radius, torch.maximum, float("-inf"), between)


def choose(radius: float) -> dict[str, Any]:
    """The whole radii around this one, so that no others are computed."""
    return {"between": bounds(radius)}
