"""Waves run through the maps: each row slides sideways, each column up and down. Ours."""

import math
from typing import Annotated, Any

import torch
from torch import Tensor

from models.bending.warp import fetched, outside, pixels, resample, scalar
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("across", "down")


def wave(
    x: Tensor,
    *,
    across: Annotated[Scalar, Span(0, 0.5, "widths", "how far rows swing")] = 0.0,
    down: Annotated[Scalar, Span(0, 0.5, "heights", "how far columns swing")] = 0.0,
    waves: Annotated[Scalar, Span(0, 16, "", "waves over the picture")] = 2.0,
    phase: Annotated[Scalar, Span(0, 1, "cycles", "where the waves are; turn it to let them run")] = 0.0,
    edge: Annotated[Scalar, Span(0, 1, "", "what comes in from outside: nothing (0) or the mirrored map (1)")] = 1.0,
    border: str = "mixed",
    margin: float = 0.0,
) -> Tensor:
    """Let waves run through the maps."""
    columns, rows = pixels(x)
    width, height = x.shape[3] - 2 * margin, x.shape[2] - 2 * margin
    waves, phase = scalar(waves, x), scalar(phase, x)
    swing = torch.sin((waves * (rows - margin) / height + phase) * (2 * math.pi)) * (across * width)
    heave = torch.sin((waves * (columns - margin) / width + phase) * (2 * math.pi)) * (down * height)
    made = fetched(x, "swayed", edge, border, swing, heave)
    return resample(x, columns + swing, rows + heave, edge, border) if made is None else made


def choose(edge: float) -> dict[str, Any]:
    """How the outside is treated, where the host knows it."""
    return outside(edge)
