"""Edges: what differs from its surroundings is raised (unsharp masking). Ours."""

from typing import Annotated

from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("strength",)


def sharpen(
    x: Tensor, *, strength: Annotated[Scalar, Span(-1, 8, "", "how far edges are raised; below 0 it softens")] = 0.0
) -> Tensor:
    """Raise the edges."""
    around = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return x + (x - around) * strength
