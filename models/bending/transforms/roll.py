"""Channels change places: each is played on its neighbour's wire. Ours."""

from typing import Annotated

import torch
from torch import Tensor

from models.bending.warp import scalar
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("steps",)
FEW = 32
TOGETHER = True  # channels are one another's business


def roll(
    x: Tensor, *, steps: Annotated[Scalar, Span(0, 16, "channels", "how many wires each channel moves on")] = 0.0
) -> Tensor:
    """Exchange channels, in a circle."""
    count = x.shape[1]
    steps = scalar(steps, x)
    first = torch.arange(count, device=x.device) + steps.floor().long()
    share = (steps - steps.floor()).to(x.dtype)
    if count <= FEW and x.device.type == "cpu":  # a product of matrices is quicker than choosing twice and mixing
        wires = torch.zeros(count, count, dtype=x.dtype).scatter_(0, (first % count)[None], 1 - share.expand(1, count))
        wires.scatter_add_(0, ((first + 1) % count)[None], share.expand(1, count))
        return (x.permute(0, 2, 3, 1) @ wires).permute(0, 3, 1, 2)
    return torch.lerp(x[:, first % count], x[:, (first + 1) % count], share)
