"""Silence: the maps become 0 (Broad 2021, "ablate")."""

import torch
from torch import Tensor

NEUTRAL = ()


def ablate(x: Tensor) -> Tensor:
    """Switch the channels off."""
    return torch.zeros_like(x)
