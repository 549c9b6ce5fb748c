"""Left and right exchanged (Broad 2021, "flip-h")."""

from torch import Tensor

NEUTRAL = ()


def flip_h(x: Tensor) -> Tensor:
    """Exchange left and right."""
    return x.flip(3)
