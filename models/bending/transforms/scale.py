"""Zooming (Broad 2021, "scale"): about the same point as `rotate`; above 1 zooms in."""

from typing import Annotated, Any

from torch import Tensor

from models.bending.warp import fetched, outside, pixels, resample, scalar
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("factor",)


def scale(
    x: Tensor,
    *,
    factor: Annotated[Scalar, Span(0.05, 8, "", "how much larger everything becomes")] = 1.0,
    edge: Annotated[Scalar, Span(0, 1, "", "what comes in from outside: nothing (0) or the mirrored map (1)")] = 0.0,
    border: str = "mixed",
) -> Tensor:
    """Zoom the maps."""
    factor = scalar(factor, x)
    cx, cy = x.shape[3] / 2, x.shape[2] / 2
    if (made := fetched(x, "scaled", edge, border, numbers=(cx, cy, factor))) is not None:
        return made
    columns, rows = pixels(x)
    return resample(x, cx + (columns - cx) / factor, cy + (rows - cy) / factor, edge, border)


def choose(edge: float) -> dict[str, Any]:
    """How the outside is treated, where the host knows it."""
    return outside(edge)
