"""Steps: values are rounded to multiples of one. Ours."""

from typing import Annotated

import torch
from torch import Tensor

from models.bending.warp import scalar
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("step",)


def quantise(x: Tensor, *, step: Annotated[Scalar, Span(0, 4, "", "height of a step")] = 0.0) -> Tensor:
    """Round the maps to steps."""
    step = scalar(step, x)
    safe = step.clamp(min=1e-3)
    return torch.where(step > 0, (x / safe).round() * safe, x)
