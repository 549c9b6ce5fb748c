"""Where the picture of a StyleGAN3 lies: a matrix that moves, turns and scales it before a single pixel is made."""

import math

import torch
from torch import Tensor

from models.generators import Scalar

SMALLEST = 0.01  # of `scale`, below which a picture is a point


def picture_transform(
    rotate: Scalar = 0.0,
    translate_x: Scalar = 0.0,
    translate_y: Scalar = 0.0,
    scale: Scalar = 1.0,
    mirror: Scalar = 0.0,
    shear: Scalar = 0.0,
    device: torch.device | str = "cpu",
) -> Tensor:
    """[3, 3], for `synthesize(w, transform=...)`: from a place in the finished picture to one in the unmoved picture.

    The picture is mirrored (0..1; between, it is folded flat), sheared (its top by so many heights), scaled (2 is
    twice as large), turned (degrees, the way that NVIDIA's tools turn it) and moved (picture widths, right and down).
    Each is a number or a 0-d tensor on `device` that may move every frame; nothing here waits for a device then.
    """
    angle, x, y, size, fold, lean = (
        value.float() if isinstance(value, Tensor) else torch.tensor(float(value), device=device)
        for value in (rotate, translate_x, translate_y, scale, mirror, shear)
    )
    angle, size, fold = angle * (math.pi / 180), 1 / size.clamp_min(SMALLEST), 1 - 2 * fold
    c, s = torch.cos(angle) * size, torch.sin(angle) * size
    # The inverse of turn @ scale @ shear @ mirror, row by row; the move comes off first.
    a, b = fold * (c - lean * s), fold * (-s - lean * c)
    zero, one = torch.zeros_like(c), torch.ones_like(c)
    rows = [a, b, -(a * x + b * y), s, c, -(s * x + c * y), zero, zero, one]
    return torch.stack(rows).view(3, 3)
