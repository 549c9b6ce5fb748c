"""Video feedback inside the network: the map of the last frame, zoomed and turned, is laid over this one. Ours."""

from typing import Annotated

import torch
from torch import Tensor

from models.bending.warp import laid_over, scalar
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("hold",)


def feedback(
    x: Tensor,
    *,
    hold: Annotated[Scalar, Span(0, 10, "s", "how long until half of a picture is gone")] = 0.0,
    zoom: Annotated[Scalar, Span(-2, 2, "octaves/s", "how fast it grows")] = 0.0,
    turn: Annotated[Scalar, Span(-180, 180, "degrees/s", "how fast it turns")] = 0.0,
    memory: Tensor,
    dt: Scalar = 1 / 60,
) -> Tensor:
    """Let the last frame's maps linger, growing and turning."""
    hold, dt = scalar(hold, x), scalar(dt, x)
    angle, shrink = torch.deg2rad(scalar(turn, x) * dt), torch.exp2(-scalar(zoom, x) * dt)
    # At 0.99 at most, so that the newest picture always comes through.
    share = torch.where(hold > 0, torch.exp2(-dt / hold.clamp(min=1e-3)).clamp(max=0.99), 0.0)
    middle = (x.shape[3] - 1) / 2, (x.shape[2] - 1) / 2
    return laid_over(x, memory, share, middle, angle.cos() * shrink, angle.sin() * shrink)
