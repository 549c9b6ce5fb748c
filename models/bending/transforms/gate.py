"""Only what is strong passes, less the threshold (soft shrinkage). Ours."""

from typing import Annotated

from torch import Tensor

from models.bending.layout import gated
from models.bending.warp import scalar
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("threshold",)


def gate(
    x: Tensor, *, threshold: Annotated[Scalar, Span(0, 4, "", "what is taken off every value, at most to 0")] = 0.0
) -> Tensor:
    """Let only strong values pass."""
    return gated(x, scalar(threshold, x).to(x.dtype))
