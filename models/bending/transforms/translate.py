"""Shifting (Broad 2021, "translate"): in fractions of the picture, also where the map has a margin around it."""

from typing import Annotated, Any

from torch import Tensor

from models.bending.warp import fetched, outside, pixels, resample
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("right", "down")


def translate(
    x: Tensor,
    *,
    right: Annotated[Scalar, Span(-1, 1, "widths", "how far the maps go to the right")] = 0.0,
    down: Annotated[Scalar, Span(-1, 1, "heights", "how far the maps go down")] = 0.0,
    edge: Annotated[Scalar, Span(0, 1, "", "what comes in from outside: nothing (0) or the mirrored map (1)")] = 0.0,
    border: str = "mixed",
    margin: float = 0.0,
) -> Tensor:
    """Shift the maps."""
    width, height = x.shape[3] - 2 * margin, x.shape[2] - 2 * margin
    if (made := fetched(x, "shifted", edge, border, numbers=(width, height, right, down))) is not None:
        return made
    columns, rows = pixels(x)
    return resample(x, columns - right * width, rows - down * height, edge, border)


def choose(edge: float) -> dict[str, Any]:
    """How the outside is treated, where the host knows it."""
    return outside(edge)
