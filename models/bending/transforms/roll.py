"""Channels change places: each is played on its neighbour's wire. Ours."""

from typing import Annotated

import torch
from torch import Tensor

from models.bending.warp import scalar
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("steps",)
TOGETHER = True  # channels are one another's business


def roll(
    x: Tensor, *, steps: Annotated[Scalar, Span(0, 16, "channels", "how many wires each channel moves on")] = 0.0
) -> Tensor:
    """Exchange channels, in a circle."""
    count = x.shape[1]
    steps = scalar(steps, x)
    first = torch.arange(count, device=x.device) + steps.floor().long()
    share = (steps - steps.floor()).to(x.dtype)
    return torch.lerp(x[:, first % count], x[:, (first + 1) % count], share)
