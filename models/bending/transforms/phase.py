"""Phases in Fourier space: turned, so that edges become lines and lines edges, or scattered, so that shapes dissolve
while the texture stays. Ours; after Oppenheim and Lim (1981), who showed that phases carry the shapes.
"""

import math
from typing import Annotated

import torch
from torch import Tensor

from models.bending.warp import scalar
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("turn", "scatter")


def phase(
    x: Tensor,
    *,
    turn: Annotated[Scalar, Span(-180, 180, "degrees", "how far every wave is turned")] = 0.0,
    scatter: Annotated[Scalar, Span(0, 1, "cycles", "how far every wave is turned by an amount of its own")] = 0.0,
) -> Tensor:
    """Turn or scatter the phases of the maps' waves."""
    turn, scatter = scalar(turn, x), scalar(scatter, x)
    height, width = x.shape[2:]
    spectrum = torch.fft.rfft2(x.float().contiguous())  # [N, C, H, W // 2 + 1]
    u = torch.arange(height, dtype=torch.float32, device=x.device)[:, None]
    v = torch.arange(width // 2 + 1, dtype=torch.float32, device=x.device)
    own = torch.sin(u * 12.9898 + v * 78.233) * 43.7585  # a fixed pattern that looks random
    angle = torch.deg2rad(turn) + (own - own.floor() - 0.5) * (2 * math.pi * scatter)
    angle = angle * ((u + v) > 0)  # the mean stays
    made = torch.fft.irfft2(spectrum * torch.polar(torch.ones_like(angle), angle), s=(height, width)).to(x.dtype)
    return torch.where((turn == 0) & (scatter == 0), x, made)
