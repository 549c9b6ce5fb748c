"""Edges: what differs from its surroundings is raised (unsharp masking). Ours."""

from typing import Annotated

import torch
from torch import Tensor

from models.bending.pyramid import around
from models.bending.warp import scalar
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("strength",)


def sharpen(
    x: Tensor, *, strength: Annotated[Scalar, Span(-1, 8, "", "how far edges are raised; below 0 it softens")] = 0.0
) -> Tensor:
    """Raise the edges."""
    return torch.lerp(x, around(x), -scalar(strength, x).to(x.dtype))
