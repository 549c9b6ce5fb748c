"""Steps: values are rounded to multiples of one. Ours."""

from typing import Annotated, Any

import torch
from torch import Tensor

from models.bending.layout import stepped
from models.bending.warp import scalar
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("step",)
STEADY = {"coarse": True}


def quantise(
    x: Tensor, *, step: Annotated[Scalar, Span(0, 4, "", "height of a step")] = 0.0, coarse: bool = False
) -> Tensor:
    """Round the maps to steps."""
    step = scalar(step, x)
    safe = step.clamp(min=1e-3)
    made = stepped(x, safe)
    return made if coarse else torch.where(step > 0, made, x)


def choose(step: float) -> dict[str, Any]:
    """Whether there are steps at all."""
    return {"coarse": step > 0}
