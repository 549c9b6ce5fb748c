"""styles: eight families of ornament with names, so that a network that is to leave all styles has some to leave.

    pictures, labels = styles.bank(200, 32, seed=0)       # [1600, 3, 32, 32] uint8, [1600] int64: an index into NAMES
    styles.folder(200, 64, seed=0, out)                   # the same as a folder of PNG files, one sub-folder a style

They stand in for labelled collections such as WikiArt. Each is a plain function of the plane and of chance that gives
two maps: how light the picture is, and where its second colour goes. All styles share the palettes, so form is what
tells them apart, with a leaning of each towards some of the colours, as schools of painters have.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from models.training.data import to_uint8
from models.training.inspirations.canvas import OVER, canvas, smaller, step

Maps = tuple[Tensor, Tensor]  # light and second colour, [S, S] in 0..1 each

# Each from the dark ground to the light: ground, shade, first colour, highlight; and the second colour.
PALETTES = torch.tensor(
    [
        [[0.03, 0.02, 0.10], [0.12, 0.10, 0.45], [0.15, 0.65, 0.95], [0.93, 0.98, 0.92], [0.98, 0.30, 0.42]],
        [[0.06, 0.01, 0.03], [0.48, 0.04, 0.14], [0.96, 0.38, 0.12], [0.99, 0.93, 0.68], [0.10, 0.70, 0.68]],
        [[0.01, 0.06, 0.05], [0.02, 0.32, 0.26], [0.34, 0.82, 0.36], [0.95, 0.98, 0.72], [0.92, 0.25, 0.72]],
        [[0.07, 0.03, 0.12], [0.36, 0.08, 0.44], [0.92, 0.30, 0.66], [0.99, 0.88, 0.84], [0.22, 0.82, 0.90]],
        [[0.05, 0.04, 0.02], [0.36, 0.24, 0.06], [0.94, 0.72, 0.16], [0.99, 0.97, 0.86], [0.20, 0.34, 0.95]],
        [[0.02, 0.04, 0.07], [0.14, 0.26, 0.36], [0.56, 0.70, 0.76], [0.98, 0.97, 0.94], [0.96, 0.58, 0.10]],
    ]
)
LEANING = 0.5  # the chance that a picture has one of its style's own two palettes


def gratings(x: Tensor, y: Tensor, rng: np.random.Generator) -> Maps:
    """Two lattices of lines, the finer one inside the bands of the other."""
    a, f, g = rng.uniform(0, math.pi), rng.uniform(1.6, 2.6), rng.uniform(5.0, 7.5)
    along, across = x * math.cos(a) + y * math.sin(a), y * math.cos(a) - x * math.sin(a)
    wide = torch.sin(math.pi * (f * along) + rng.uniform(0, 6.28))
    fine = torch.sin(math.pi * g * across + rng.uniform(0, 6.28))
    return step(wide, 0.35) * (0.35 + 0.65 * step(fine, 0.6)), step(-wide, 0.35) * step(fine, 0.6)


def cells(x: Tensor, y: Tensor, rng: np.random.Generator) -> Maps:
    """Leaded glass: the regions of points (Voronoi), with dark seams."""
    count = int(rng.integers(7, 13))
    points = torch.from_numpy(rng.uniform(-1.15, 1.15, (count, 2))).float()
    away = torch.hypot(x[..., None] - points[:, 0], y[..., None] - points[:, 1])
    near, which = away.topk(2, dim=2, largest=False)
    seam = step(near[..., 1] - near[..., 0] - 0.09, 0.05)
    shade = torch.from_numpy(rng.uniform(0.3, 1.0, count)).float()[which[..., 0]]
    second = torch.from_numpy((rng.random(count) < 0.35).astype(np.float32))[which[..., 0]]
    return seam * shade, seam * second


def truchet(x: Tensor, y: Tensor, rng: np.random.Generator) -> Maps:
    """Quarter circles on a lattice, each tile turned by chance, so that they join to ribbons."""
    n = int(rng.integers(3, 5))
    u, v = (x + 1) / 2 * n + rng.uniform(0, 1), (y + 1) / 2 * n + rng.uniform(0, 1)
    turn = torch.from_numpy(rng.integers(0, 2, (n + 2, n + 2)).astype(np.float32))[u.long(), v.long()]
    a, b = u % 1, v % 1
    a = torch.where(turn > 0, 1 - a, a)
    one, other = torch.hypot(a, b), torch.hypot(1 - a, 1 - b)
    ribbon = torch.minimum((one - 0.5).abs(), (other - 0.5).abs())
    inside = step(0.5 - torch.minimum(one, other), 0.08)
    return step(0.17 - ribbon, 0.06), inside * step(ribbon - 0.17, 0.06) * 0.9


def halftone(x: Tensor, y: Tensor, rng: np.random.Generator) -> Maps:
    """Dots of a turned screen that grow with a soft field of light."""
    a, n = rng.uniform(0.2, 1.3), rng.uniform(4.2, 6.0)
    u, v = (x * math.cos(a) + y * math.sin(a)) * n / 2, (y * math.cos(a) - x * math.sin(a)) * n / 2
    d = rng.uniform(0, 2 * math.pi)
    field = 0.5 + 0.5 * torch.sin(1.9 * (x * math.cos(d) + y * math.sin(d)) + rng.uniform(0, 6.28))
    dot = torch.hypot((u % 1) - 0.5, (v % 1) - 0.5)
    return step(0.12 + 0.3 * field - dot, 0.1), (1 - field) * step(dot - 0.12 - 0.3 * field, 0.1) * 0.8


def marble(x: Tensor, y: Tensor, rng: np.random.Generator) -> Maps:
    """Veins: a wave through a plane that has been folded twice."""
    u, v = x, y
    for k in range(3):
        p = rng.uniform(0, 6.28, 2)
        f, s = 1.3 + 0.9 * k, 0.42 / (1 + 0.6 * k)
        u, v = u + s * torch.sin(f * 2 * v + p[0]), v + s * torch.sin(f * 2 * u + p[1])
    wave = torch.sin(rng.uniform(2.5, 3.6) * (u + 0.4 * v) + rng.uniform(0, 6.28))
    vein = (1 - wave.abs()) ** 4
    return 0.55 * (0.5 + 0.5 * wave) ** 1.5 + 0.6 * vein, step(-wave - 0.2, 0.5) * 0.7


def strokes(x: Tensor, y: Tensor, rng: np.random.Generator) -> Maps:
    """A plant of an L-system: every branch bears two, thinner and shorter, turned a little by chance."""
    side = x.shape[0]
    sheets = [Image.new("L", (side, side)) for _ in range(2)]
    pens = [ImageDraw.Draw(sheet) for sheet in sheets]
    lean, spread, shrink = rng.uniform(-0.35, 0.35), rng.uniform(0.42, 0.75), rng.uniform(0.7, 0.78)
    twigs = [(rng.uniform(0.3, 0.7) * side, side * 1.02, lean, side * 0.31, side * 0.055, 0)]
    while twigs:
        px, py, angle, length, width, depth = twigs.pop()
        qx, qy = px + length * math.sin(angle), py - length * math.cos(angle)
        pens[depth >= 4].line([px, py, qx, qy], fill=255, width=max(1, round(width)))
        if depth < 5:
            for way in (-spread, spread):
                turn = angle + way + rng.normal(0, 0.14)
                twigs.append((qx, qy, turn, length * shrink, width * 0.72, depth + 1))
    wood, leaves = (torch.from_numpy(np.asarray(sheet, dtype=np.float32) / 255) for sheet in sheets)
    return torch.maximum(wood * (0.75 + 0.25 * y), 0.12 * (0.5 + 0.5 * y)), leaves


def checks(x: Tensor, y: Tensor, rng: np.random.Generator) -> Maps:
    """A chessboard on a plane that bulges."""
    cx, cy = rng.uniform(-0.5, 0.5, 2)
    bulge = rng.uniform(0.5, 1.1) * torch.exp(-2.2 * ((x - cx) ** 2 + (y - cy) ** 2))
    a, n = rng.uniform(-0.4, 0.4), rng.uniform(2.2, 3.0)
    u, v = cx + (x - cx) * (1 - 0.75 * bulge), cy + (y - cy) * (1 - 0.75 * bulge)
    u, v = u * math.cos(a) + v * math.sin(a), v * math.cos(a) - u * math.sin(a)
    board = torch.sin(math.pi * n * u) * torch.sin(math.pi * n * v)
    return step(board, 0.14) * (0.5 + 0.5 * bulge.clamp(0, 1)), step(-board, 0.14) * bulge.clamp(0, 1)


def rings(x: Tensor, y: Tensor, rng: np.random.Generator) -> Maps:
    """Ripples about one place, lit like a record."""
    cx, cy = rng.uniform(-0.55, 0.55, 2)
    away, around = torch.hypot(x - cx, y - cy), torch.atan2(y - cy, x - cx)
    wave = torch.sin(2 * math.pi * rng.uniform(2.2, 3.4) * away + rng.uniform(0, 6.28))
    shine = 0.5 + 0.5 * torch.cos(2 * around + rng.uniform(0, 6.28))
    return step(wave, 0.45) * (0.35 + 0.65 * shine), step(-wave, 0.45) * (1 - shine) * 0.9


FAMILIES: tuple[Callable[[Tensor, Tensor, np.random.Generator], Maps], ...] = (
    cells, checks, gratings, halftone, marble, rings, strokes, truchet,
)  # fmt: skip
NAMES = tuple(family.__name__ for family in FAMILIES)  # in alphabetical order, as sub-folders are read


def paint(style: int, rng: np.random.Generator, size: int) -> Tensor:
    """One picture of a style, [3, size, size] in 0..1."""
    own = rng.random() < LEANING
    colours = PALETTES[(style + int(rng.integers(0, 2))) % len(PALETTES) if own else int(rng.integers(len(PALETTES)))]
    x, y = canvas(size * OVER)
    light, second = FAMILIES[style](x, y, rng)
    t = light.clamp(0, 1) * 3  # [S, S]; four colours, three steps between them
    k = t.long().clamp(max=2)
    mixed = torch.lerp(colours[k], colours[k + 1], (t - k)[..., None])
    mixed = torch.lerp(mixed, colours[4].expand_as(mixed), second.clamp(0, 1)[..., None])
    return smaller(mixed.permute(2, 0, 1))


def bank(each: int, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """`each` pictures of every style: [8 * each, 3, size, size] uint8 and their labels [8 * each] int64, style after
    style. Picture k of a style is the same whatever `each` is.
    """
    labels = torch.arange(len(FAMILIES)).repeat_interleave(each)
    pictures = torch.empty(len(labels), 3, size, size, dtype=torch.uint8)
    for place, style in enumerate(labels.tolist()):
        rng = np.random.default_rng([seed, style, place - style * each])
        pictures[place] = to_uint8(paint(style, rng, size))
    return pictures, labels


def folder(each: int, size: int, seed: int, out: Path) -> Path:
    """The bank as PNG files in `out`, one sub-folder a style, and `out`; files that are there are not drawn again."""
    for style, name in enumerate(NAMES):
        (out / name).mkdir(parents=True, exist_ok=True)
        for k in range(each):
            path = out / name / f"{seed}-{k:05}.png"
            if not path.exists():
                picture = to_uint8(paint(style, np.random.default_rng([seed, style, k]), size))
                Image.fromarray(picture.permute(1, 2, 0).contiguous().numpy()).save(path)
    return out
