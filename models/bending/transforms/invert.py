"""Negative: 1 - x (Broad 2021, "invert")."""

from torch import Tensor

NEUTRAL = ()


def invert(x: Tensor) -> Tensor:
    """Turn the maps to their negative, 1 - x."""
    return 1 - x
