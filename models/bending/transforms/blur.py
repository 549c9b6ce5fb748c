"""Out of focus: averaging over squares of 1, 2, 4 ... 32 pixels, gliding between them. Ours."""

import math
from typing import Annotated, Any

from torch import Tensor

from models.bending.pyramid import DEEPEST, at
from models.bending.warp import scalar
from models.generators import Scalar
from models.knobs import Span

NEUTRAL = ("octaves",)


def blur(
    x: Tensor,
    *,
    octaves: Annotated[Scalar, Span(0, DEEPEST, "octaves", "softness: each octave doubles what is averaged")] = 0.0,
    between: tuple[int, int] = (0, DEEPEST),
) -> Tensor:
    """Let the maps go out of focus."""
    return at(x, scalar(octaves, x), between)


def choose(octaves: float) -> dict[str, Any]:
    """The whole octaves around this depth, so that no others are computed."""
    return {"between": (math.floor(octaves), math.ceil(octaves))}
