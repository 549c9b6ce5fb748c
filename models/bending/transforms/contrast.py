"""Contrast about each map's own mean. Ours."""

from typing import Annotated

from torch import Tensor

from models.bending.layout import spread_about_mean
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("gain",)


def contrast(
    x: Tensor, *, gain: Annotated[Scalar, Span(-4, 8, "", "0 is flat, 1 as it is, below 0 the negative")] = 1.0
) -> Tensor:
    """Raise or lower the contrast of each map."""
    return spread_about_mean(x, gain)
