"""An oscillator is added to the maps, in space (after Collins 2021, who bends sound so in time). Ours."""

import math
from typing import Annotated

import torch
from torch import Tensor

from models.bending.layout import with_waves
from models.bending.warp import scalar
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("depth",)


def stripes(
    x: Tensor,
    *,
    depth: Annotated[Scalar, Span(-4, 4, "", "how strong the stripes are")] = 0.0,
    waves: Annotated[Scalar, Span(0, 32, "", "stripes over the picture")] = 4.0,
    angle: Annotated[Scalar, Span(-180, 180, "degrees", "where they point: at 0 they stand upright")] = 0.0,
    phase: Annotated[Scalar, Span(0, 1, "cycles", "where they are; turn it to let them run")] = 0.0,
    margin: float = 0.0,
) -> Tensor:
    """Add stripes to the maps."""
    width, height = x.shape[3] - 2 * margin, x.shape[2] - 2 * margin
    turn, cycles = torch.deg2rad(scalar(angle, x)), scalar(waves, x) * (2 * math.pi)
    across, down = turn.cos() * cycles / width, turn.sin() * cycles / height
    return with_waves(x, across, down, scalar(phase, x) * (2 * math.pi) - (across + down) * margin, depth)
