"""Coarse blocks: each shows its middle. Ours."""

from typing import Annotated

import torch
from torch import Tensor

from models.bending.warp import pixels, resample, scalar
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("size",)


def pixelate(
    x: Tensor,
    *,
    size: Annotated[Scalar, Span(0, 0.5, "widths", "width of a block; below one pixel nothing happens")] = 0.0,
) -> Tensor:
    """Coarsen the maps to blocks."""
    columns, rows = pixels(x)
    block = (scalar(size, x) * x.shape[3]).clamp(min=1)
    middle = (block - 1) / 2
    px, py = torch.floor(columns / block) * block + middle, torch.floor(rows / block) * block + middle
    return resample(x, px.clamp(max=x.shape[3] - 1), py.clamp(max=x.shape[2] - 1), 1.0, "mirror")
