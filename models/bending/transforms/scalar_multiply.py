"""Louder, quieter, or turned round: x p (Broad 2021, "scalar-multiply")."""

from typing import Annotated

from torch import Tensor

from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("factor",)


def scalar_multiply(
    x: Tensor, *, factor: Annotated[Scalar, Span(-10, 10, "", "what the maps are multiplied by")] = 1.0
) -> Tensor:
    """Multiply the maps."""
    return x * factor
