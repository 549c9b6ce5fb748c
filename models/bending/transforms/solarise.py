"""Solarisation (Sabattier): what is brighter than a threshold is folded back. Ours."""

from typing import Annotated

from torch import Tensor

from models.bending.layout import folded
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("depth",)


def solarise(
    x: Tensor,
    *,
    depth: Annotated[Scalar, Span(0, 4, "", "0 leaves the bright parts, 2 folds them back, more goes beyond")] = 0.0,
    threshold: Annotated[Scalar, Span(-2, 4, "", "what counts as bright")] = 0.5,
) -> Tensor:
    """Fold the bright parts of the maps back."""
    return folded(x, threshold, depth)
