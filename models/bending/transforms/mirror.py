"""Mirrors: what lies beyond a line is replaced by the reflection of what lies before it. Ours."""

from typing import Annotated

import torch
from torch import Tensor

from models.bending.warp import pixels, resample, scalar
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("upright", "level")


def mirror(
    x: Tensor,
    *,
    upright: Annotated[Scalar, Span(0, 1, "widths", "place of the upright mirror; 1 is out of the picture")] = 1.0,
    level: Annotated[Scalar, Span(0, 1, "heights", "place of the level mirror; 1 is out of the picture")] = 1.0,
) -> Tensor:
    """Put mirrors into the maps."""
    columns, rows = pixels(x)
    px = torch.minimum(columns, 2 * (x.shape[3] - 1) * scalar(upright, x) - columns)
    py = torch.minimum(rows, 2 * (x.shape[2] - 1) * scalar(level, x) - rows)
    return resample(x, px, py, 1.0, "mirror")
