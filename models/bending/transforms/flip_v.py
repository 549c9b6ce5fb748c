"""Top and bottom exchanged (Broad 2021, "flip-v")."""

from torch import Tensor

NEUTRAL = ()


def flip_v(x: Tensor) -> Tensor:
    """Exchange top and bottom."""
    return x.flip(2)
