"""What the families draw with: a canvas of coordinates, soft edges, relief and light. Maps are [H, W] float32.

Signed distances are negative inside, in units of the canvas, whose sides are at -1 and 1.
"""

import math

import torch
from torch import Tensor

OVER = 2  # pictures are drawn this many times as large and averaged down


def canvas(size: int) -> tuple[Tensor, Tensor]:
    """x and y [size, size]; y grows upwards."""
    axis = (torch.arange(size) + 0.5) / size * 2 - 1
    y, x = torch.meshgrid(-axis, axis, indexing="ij")
    return x, y


def uniform(p: Tensor) -> Tensor:
    """Standard normal numbers to 0..1, evenly spread."""
    return 0.5 * (1 + torch.erf(p / math.sqrt(2)))


def between(u: Tensor, low: float, high: float) -> float:
    """A number 0..1 as low..high."""
    return low + (high - low) * float(u)


def step(value: Tensor, soft: float) -> Tensor:
    """0 below -soft, 1 above soft, smooth between."""
    t = ((value / soft) * 0.5 + 0.5).clamp(0, 1)
    return t * t * (3 - 2 * t)


def join(a: Tensor, b: Tensor, soft: float) -> Tensor:
    """Two distances as one shape, melted together over `soft` (Quilez's polynomial smooth minimum)."""
    h = (0.5 + 0.5 * (b - a) / soft).clamp(0, 1)
    return b + (a - b) * h - soft * h * (1 - h)


def capsule(x: Tensor, y: Tensor, a: tuple[float, float], b: tuple[float, float], thick: float, thin: float) -> Tensor:
    """The distance from a rod between a and b, `thick` at a and `thin` at b."""
    px, py, bx, by = x - a[0], y - a[1], b[0] - a[0], b[1] - a[1]
    h = ((px * bx + py * by) / (bx * bx + by * by + 1e-9)).clamp(0, 1)
    return torch.hypot(px - bx * h, py - by * h) - (thick + (thin - thick) * h)


def slopes(height: Tensor) -> tuple[Tensor, Tensor]:
    """The slope of a relief to the right and upwards, per unit of the canvas."""
    h, w = height.shape
    padded = torch.nn.functional.pad(height[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    right = (padded[1:-1, 2:] - padded[1:-1, :-2]) * (w / 4)
    up = (padded[:-2, 1:-1] - padded[2:, 1:-1]) * (h / 4)
    return right, up


def light(height: Tensor, angle: float, elevation: float, shine: float) -> tuple[Tensor, Tensor]:
    """A relief under a lamp: how lit it is (Lambert) and its highlight (Blinn-Phong, exponent `shine`), 0..1 each."""
    right, up = slopes(height)
    norm = torch.rsqrt(1 + right * right + up * up)
    lx, ly, lz = math.cos(angle) * math.cos(elevation), math.sin(angle) * math.cos(elevation), math.sin(elevation)
    lit = ((lz - lx * right - ly * up) * norm).clamp(0, 1)
    hx, hy, hz = lx, ly, lz + 1
    length = math.sqrt(hx * hx + hy * hy + hz * hz)
    glint = ((hz - hx * right - hy * up) * norm / length).clamp(0, 1) ** shine
    return lit, glint


def along(colours: Tensor, u: Tensor) -> Tensor:
    """[3]: the colour at 0..1 of the way through colours [K, 3]."""
    x = float(u) * (len(colours) - 1)
    k = min(int(x), len(colours) - 2)
    return colours[k] + (colours[k + 1] - colours[k]) * (x - k)


def tint(value: Tensor, colour: Tensor) -> Tensor:
    """A map times a colour [3] -> [3, H, W]."""
    return value[None] * colour[:, None, None]


def smaller(picture: Tensor) -> Tensor:
    """[3, OVER * H, OVER * W] -> [3, H, W] in 0..1."""
    return torch.nn.functional.avg_pool2d(picture[None], OVER)[0].clamp(0, 1)
