"""masks: carved faces of nobody's tradition, lacquer and bone under one moving lamp, with eyes that glow.

A relief is built from soft shapes (dome, brow, nose, cheeks, horns), engraved along its own contours, and lit.
"""

import math

import torch
from torch import Tensor

from models.training.inspirations.canvas import (
    OVER,
    along,
    between,
    canvas,
    capsule,
    join,
    light,
    smaller,
    step,
    tint,
    uniform,
)

ABOUT = "carved masks: lacquer and bone, horns, engraved contours, glowing eyes, on black"
DIMENSIONS = 18

# Lacquer and the light that answers it; hues of one picture lie between two neighbours.
LACQUER = torch.tensor(
    [[0.92, 0.16, 0.09], [0.95, 0.55, 0.12], [0.86, 0.8, 0.68], [0.1, 0.62, 0.5], [0.12, 0.3, 0.85], [0.45, 0.13, 0.6]]
)
ANSWER = torch.tensor(
    [[0.1, 0.75, 0.8], [0.25, 0.2, 0.95], [0.95, 0.2, 0.12], [1.0, 0.5, 0.12], [1.0, 0.62, 0.2], [1.0, 0.75, 0.25]]
)


def draw(p: Tensor, size: int) -> Tensor:
    """p [18], standard normal -> [3, size, size] in 0..1."""
    u = uniform(p)
    x, y = canvas(size * OVER)
    x, y = x * 0.86, y * 0.86
    lean = between(u[17], -0.12, 0.12)
    x, y = x * math.cos(lean) + y * math.sin(lean), y * math.cos(lean) - x * math.sin(lean)
    side = torch.sqrt(x * x + 1e-4)  # |x|, smooth on the axis
    outline = _outline(side, y, u)
    eye, pupil, socket = _eye(side, y, u)
    mouth, teeth = _mouth(side, y, u)
    hollow = torch.minimum(eye, mouth)
    relief = _relief(side, y, u, outline, socket, mouth)
    inside = step(-outline, 0.008) * step(hollow, 0.008)
    return smaller(_paint(x, y, u, relief, outline, inside, eye, pupil, mouth, teeth))


def _outline(side: Tensor, y: Tensor, u: Tensor) -> Tensor:
    """The face and its horns as one distance."""
    width, height = between(u[0], 0.42, 0.62), between(u[1], 0.62, 0.8)
    chin = between(u[2], -0.1, 0.75)
    taper = 1 - chin * 0.55 * step(-y - 0.05, 0.8) - 0.12 * step(y - 0.35, 0.5)
    face = (torch.hypot(side / (width * taper), (y + 0.08) / height) - 1) * width * 0.8
    reach, spread = between(u[3], 0.05, 0.62), between(u[4], -0.1, 0.75)
    root = (width * 0.62, height * 0.52)
    elbow = (root[0] + 0.28 * spread + 0.06, root[1] + reach * 0.45)
    tip = (elbow[0] - 0.25 * spread + 0.08 * reach, elbow[1] + reach * 0.62)
    horn = join(capsule(side, y, root, elbow, 0.13, 0.085), capsule(side, y, elbow, tip, 0.085, 0.005), 0.1)
    crest = capsule(side, y, (0.0, height * 0.5), (0.0, height * 0.62 + between(u[5], 0.0, 0.4)), 0.12, 0.01)
    return join(join(face, horn, 0.09), crest, 0.12)


def _eye(side: Tensor, y: Tensor, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The eye's almond, its pupil and its socket, distances."""
    apart, level = between(u[6], 0.17, 0.25), between(u[1], 0.05, 0.14)
    slant, wide, open_ = between(u[7], -0.45, 0.6), between(u[8], 0.09, 0.16), between(u[9], 0.35, 0.95)
    ex, ey = side - apart, y - level
    ex, ey = ex * math.cos(slant) + ey * math.sin(slant), ey * math.cos(slant) - ex * math.sin(slant)
    lid = wide * open_
    bend = (wide * wide - lid * lid) / (2 * lid)
    almond = torch.hypot(ex, ey.abs() + bend) - (bend + lid)
    pupil = torch.hypot(ex * 1.8, ey) - lid * 0.55
    socket = torch.hypot(ex / (wide * 1.9), ey / (wide * 1.35)) - 1
    return almond, pupil, socket


def _mouth(side: Tensor, y: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """The mouth's distance, and its teeth 0..1."""
    wide, tall = between(u[10], 0.12, 0.3), between(u[11], 0.025, 0.16)
    smile = between(u[12], -0.9, 1.3)
    my = y + 0.44 - smile * side * side * 1.6
    mouth = (torch.hypot(side / wide, my / tall) - 1) * tall
    fang = torch.cos(side * (math.pi * 4.5 / wide)) * 0.5 + 0.5
    teeth = step(my.abs() - tall * (0.85 - 0.55 * fang), 0.02)
    return mouth, teeth


def _relief(side: Tensor, y: Tensor, u: Tensor, outline: Tensor, socket: Tensor, mouth: Tensor) -> Tensor:
    """The height of the carving."""
    depth = (-outline).clamp(min=0)
    dome = torch.sqrt((depth * (1.1 - depth)).clamp(min=1e-6)) * 0.9
    bulk = between(u[13], 0.3, 1.0)
    brow = capsule(side, y, (0.02, 0.17), (0.34, 0.3 + between(u[7], -0.08, 0.12)), 0.05, 0.03)
    nose = capsule(side, y, (0.0, 0.2), (0.0, -0.16 - 0.06 * bulk), 0.035, 0.09)
    cheek = torch.hypot(side - 0.3, y + 0.2) - 0.1
    lip = mouth.abs() - 0.02
    ridges = 0.1 * torch.exp(-((brow.clamp(min=0) / 0.06) ** 2)) + 0.17 * torch.exp(-((nose.clamp(min=0) / 0.06) ** 2))
    ridges = ridges * (0.5 + 0.8 * bulk) + 0.1 * bulk * torch.exp(-((cheek.clamp(min=0) / 0.12) ** 2))
    ridges = ridges + 0.06 * torch.exp(-((lip.clamp(min=0) / 0.04) ** 2))
    sunk = 0.16 * torch.exp(-((socket.clamp(min=0) * 1.2) ** 2))
    return dome + ridges - sunk


def _paint(
    x: Tensor,
    y: Tensor,
    u: Tensor,
    relief: Tensor,
    outline: Tensor,
    inside: Tensor,
    eye: Tensor,
    pupil: Tensor,
    mouth: Tensor,
    teeth: Tensor,
) -> Tensor:
    """Lamp, lacquer, engraving, and what glows."""
    lines = between(u[14], 8.0, 13.0)
    groove = torch.cos(2 * math.pi * lines * (relief * 0.62 + 0.1 * y))
    fade = step(-outline - 0.05, 0.04)
    lit, glint = light(relief + 0.008 * groove * fade, math.pi * between(u[15], 0.1, 0.9), 0.62, 26.0)
    rim, _ = light(relief, math.pi * between(u[15], 1.1, 1.9), 0.15, 8.0)
    ground, other = along(LACQUER, u[16]), along(ANSWER, u[16])
    bone = torch.tensor([1.0, 0.9, 0.72])
    paint = step(groove - 0.2, 0.45) * fade * 0.9
    zone = step(y - 0.12 * torch.cos(3 * x) + between(u[13], -0.1, 0.7), 0.12)
    skin = tint(1 - paint * zone, ground * 0.95) + tint(paint * zone, bone)
    colour = skin * (0.04 + 0.95 * lit * lit)[None] + tint(glint * 0.75, bone) + tint(rim * rim * 0.7, other)
    colour = colour * inside[None]
    glow = torch.tensor([1.0, 0.82, 0.4]) * 0.5 + 0.5 * other
    iris = step(-eye, 0.012) * (0.25 + 0.75 * step(pupil, 0.02)) * step(0.1 - pupil, 0.16)
    halo = torch.exp(-(eye.clamp(min=0) / 0.05)) * 0.45 + torch.exp(-(eye.clamp(min=0) / 0.2)) * 0.12
    bite = step(-mouth, 0.01) * teeth
    ember = step(-mouth, 0.01) * (1 - teeth) * step(-mouth - 0.01, 0.06)
    around = torch.exp(-(outline.clamp(min=0) / 0.16)) * 0.16 * (1 - step(-outline, 0.008))
    return (
        colour
        + tint(iris + halo * step(-outline, 0.1), glow)
        + tint(bite * (0.25 + 0.5 * lit), bone)
        + tint(ember * 0.6, other)
        + tint(around, other)
    )
