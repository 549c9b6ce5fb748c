"""bloom: flowers and anemones of light, layers of veined petals around a burning heart, seen at any tilt.

Each layer is a distance r / rho(angle) in polar coordinates, from the outermost inwards, each shading those below.
"""

import math

import torch
from torch import Tensor

from models.training.inspirations.canvas import OVER, along, between, canvas, light, smaller, step, tint, uniform

ABOUT = "flowers and anemones of light: layers of veined petals around a burning heart, on black"
DIMENSIONS = 16
LAYERS = 5
PETALS = 5

# Deep, body and tip of a petal, and the heart; the colours of one picture lie between two neighbours.
DEEP = torch.tensor(
    [[0.16, 0.0, 0.14], [0.3, 0.01, 0.03], [0.3, 0.05, 0.0], [0.0, 0.12, 0.14], [0.01, 0.03, 0.3], [0.12, 0.0, 0.3]]
)
BODY = torch.tensor(
    [[0.95, 0.1, 0.5], [0.95, 0.1, 0.16], [1.0, 0.45, 0.05], [0.02, 0.7, 0.6], [0.1, 0.35, 1.0], [0.55, 0.15, 0.95]]
)
TIP = torch.tensor(
    [[1.0, 0.75, 0.85], [1.0, 0.7, 0.35], [1.0, 0.92, 0.6], [0.75, 1.0, 0.7], [0.6, 0.95, 1.0], [0.95, 0.65, 1.0]]
)
HEART = torch.tensor([[1.0, 0.85, 0.3], [0.3, 0.9, 0.9], [1.0, 0.25, 0.5], [1.0, 0.6, 0.1]])


def draw(p: Tensor, size: int) -> Tensor:
    """p [16], standard normal -> [3, size, size] in 0..1."""
    u = uniform(p)
    x, y = _seen(size, p, u)
    radius = torch.sqrt(x * x + y * y + 1e-5)
    angle = torch.atan2(y, x) + between(u[3], -0.42, 0.42) * radius
    height = torch.zeros_like(radius)
    shade = torch.full_like(radius, 0.0)
    cover = torch.zeros_like(radius)
    for layer in range(LAYERS):
        t, local = _petals(radius, angle, u, layer)
        alpha = step(1 - t, 0.02)
        under = 1 - 0.75 * torch.exp(-(t - 1).clamp(min=0) * 5.0)
        vein = torch.cos(local * between(u[7], 4.0, 6.0)) * 0.5 + 0.5
        body = 0.22 + 0.85 * t**1.4
        mine = body * (0.74 + 0.26 * vein * t) + 0.5 * torch.exp(-(((1 - t) / 0.06).clamp(min=0) ** 2))
        dome = layer * 0.1 + between(u[6], -0.1, 0.32) * t * t + 0.12 * torch.cos(local) * t
        shade = shade * under * (1 - alpha) + mine * alpha
        height = height * (1 - alpha) + dome * alpha
        cover = cover * (1 - alpha) + alpha
    return smaller(_paint(radius, angle, u, height, shade, cover))


def _seen(size: int, p: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """The canvas as the tilted flower sees it."""
    x, y = canvas(size * OVER)
    x, y = x - 0.025 * float(p[0].clamp(-2, 2)), y - 0.025 * float(p[1].clamp(-2, 2))
    x, y = x + 0.03 * torch.sin(3.1 * y + 0.7 * float(p[4])), y + 0.03 * torch.sin(2.7 * x + 0.7 * float(p[5]))
    lean = math.pi * between(u[2], -0.25, 0.25)
    along_, across = x * math.cos(lean) + y * math.sin(lean), y * math.cos(lean) - x * math.sin(lean)
    tilt = 0.28 * between(u[13], 0, 1)
    across = across / (1 - tilt) + tilt * 0.5 * along_ * along_
    return along_ * math.cos(lean) - across * math.sin(lean), along_ * math.sin(lean) + across * math.cos(lean)


def _petals(radius: Tensor, angle: Tensor, u: Tensor, layer: int) -> tuple[Tensor, Tensor]:
    """How far out in its petal each point is (1: the edge), and its angle across the petal, -pi..pi from edge to edge
    of petals.
    """
    size = between(u[8], 0.9, 1.1) * (1 - layer / (LAYERS + between(u[9], 0.5, 1.6))) ** between(u[9], 1.1, 0.85)
    turn = layer * (math.pi / PETALS) * between(u[10], 0.82, 1.18)
    local = PETALS * (angle - turn)
    lobe = (torch.cos(local / 2).abs() + 1e-3) ** between(u[12], 0.35, 1.4)
    deep = between(u[5], 0.2, 0.75)
    uneven = (
        1 + between(u[11], -0.15, 0.15) * torch.cos(2 * angle - 0.8) + 0.05 * between(u[4], 0, 1) * torch.cos(5 * local)
    )
    return radius / (size * (1 - deep + deep * lobe) * uneven), local


def _paint(radius: Tensor, angle: Tensor, u: Tensor, height: Tensor, shade: Tensor, cover: Tensor) -> Tensor:
    """Petals under a lamp, the heart and its halo."""
    deep, body, tip = along(DEEP, u[14]), along(BODY, u[14]), along(TIP, u[14])
    heart = along(HEART, u[15])
    lit, glint = light(height, math.pi * 0.65, 0.75, 20.0)
    value = shade * (0.45 + 0.8 * lit)
    low, high = (value * 2).clamp(0, 1), (value * 2 - 1).clamp(0, 1)
    near = torch.exp(-((radius / between(u[15], 0.28, 0.55)) ** 2))
    colour = tint(cover, deep) + tint(cover * low * (1 - near), body - deep) + tint(cover * high, tip - body)
    colour = colour + tint(cover * low * near, 0.75 * heart + 0.25 * body - deep)
    colour = colour * (value.clamp(max=1) * 1.1)[None] + tint(cover * glint * 0.3, tip)
    seeds = torch.cos(21 * angle + 40 * radius) * torch.cos(60 * radius) * 0.5 + 0.5
    core = torch.exp(-((radius / 0.1) ** 2))
    colour = colour + tint(core * (0.45 + 0.75 * seeds), heart) + tint(torch.exp(-radius / 0.13) * 0.5, heart)
    return colour + tint(torch.exp(-((radius / 0.75) ** 2)) * (1 - cover) * 0.22, 0.6 * body + 0.2 * deep)
