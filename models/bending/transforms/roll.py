"""Channels change places: each is played on its neighbour's wire. Ours."""

from typing import Annotated

from torch import Tensor

from models.bending.layout import Members, rewired
from models.bending.warp import scalar
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("steps",)
TOGETHER = True  # channels are one another's business


def roll(
    x: Tensor,
    *,
    steps: Annotated[Scalar, Span(0, 16, "channels", "how many wires each channel moves on")] = 0.0,
    members: Members | None = None,
) -> Tensor:
    """Exchange channels, in a circle."""
    return rewired(x, scalar(steps, x), members)
