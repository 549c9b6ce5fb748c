"""A whirl: the middle is turned, the outside stays. Ours."""

from typing import Annotated, Any

import torch
from torch import Tensor

from models.bending.warp import fetched, outside, pixels, polar, resample, scalar, turns
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("turn",)


def swirl(
    x: Tensor,
    *,
    turn: Annotated[Scalar, Span(-720, 720, "degrees", "how far the middle is turned")] = 0.0,
    reach: Annotated[Scalar, Span(0.05, 1.5, "half widths", "where it fades out")] = 1.0,
    edge: Annotated[Scalar, Span(0, 1, "", "what comes in from outside: nothing (0) or the mirrored map (1)")] = 1.0,
    border: str = "mixed",
    margin: float = 0.0,
) -> Tensor:
    """Whirl the maps about their middle."""
    (cx, cy), distance, _ = polar(x)
    fades, turn = scalar(reach, x) * (min(x.shape[2:]) / 2 - margin), torch.deg2rad(scalar(turn, x))
    if (made := fetched(x, "swirled", edge, border, numbers=(cx, cy, fades, turn))) is not None:
        return made
    columns, rows = pixels(x)
    across, down = columns - cx, rows - cy
    fade = (distance / fades).neg_().add_(1).clamp_(0, 1)
    angle = fade.square_().mul_(turn)  # [H, W]
    cosine, sine = turns(angle)
    px = torch.mul(cosine, across).addcmul_(sine, down, value=-1).add_(cx)
    py = torch.mul(sine, across).addcmul_(cosine, down).add_(cy)
    return resample(x, px, py, edge, border)


def choose(edge: float) -> dict[str, Any]:
    """How the outside is treated, where the host knows it."""
    return outside(edge)
