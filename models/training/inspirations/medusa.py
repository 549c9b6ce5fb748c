"""medusa: jellyfish of light, a ribbed bell that opens and closes, frilled arms and long threads below it.

The bell is a dome in a frame of its own that leans; arms and threads are curves x(depth) hung from its rim, drawn as
glowing lines, so that all of it sways when p moves.
"""

import math

import torch
from torch import Tensor

from models.training.inspirations.canvas import OVER, along, between, canvas, light, smaller, step, tint, uniform

ABOUT = "jellyfish of light: a glassy ribbed bell with a glowing heart, frilled arms and long threads, on black water"
DIMENSIONS = 16
THREADS = 9
ARMS = 4

GLASS = torch.tensor(
    [[0.1, 0.35, 1.0], [0.05, 0.75, 0.85], [0.55, 0.2, 1.0], [1.0, 0.15, 0.6], [1.0, 0.35, 0.12], [0.95, 0.75, 0.3]]
)
RIM = torch.tensor(
    [[0.6, 0.9, 1.0], [0.75, 1.0, 0.8], [1.0, 0.65, 1.0], [1.0, 0.75, 0.85], [1.0, 0.9, 0.5], [1.0, 0.97, 0.85]]
)
HEART = torch.tensor([[1.0, 0.3, 0.1], [1.0, 0.2, 0.6], [0.3, 0.9, 1.0], [1.0, 0.8, 0.3]])
WATER = torch.tensor([0.01, 0.03, 0.07])


def draw(p: Tensor, size: int) -> Tensor:
    """p [16], standard normal -> [3, size, size] in 0..1."""
    u = uniform(p)
    x, y = canvas(size * OVER)
    lean = between(u[0], -0.42, 0.42)
    x, y = 0.88 * x, 0.88 * y
    x, y = x - 0.08 * float(p[1].clamp(-2, 2)) - 0.2 * lean, y - 0.22 - 0.05 * float(p[2].clamp(-2, 2))
    x, y = x * math.cos(lean) - y * math.sin(lean), x * math.sin(lean) + y * math.cos(lean)
    wide = between(u[3], 0.42, 0.68)
    tall = 0.98 - 0.7 * wide
    rim = -0.08 - 0.16 * between(u[4], 0, 1)
    hung = _hung(x, y - rim, wide, p, u)
    return smaller(_paint(x, y, wide, tall, rim, hung, u))


def _hung(x: Tensor, below: Tensor, wide: float, p: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """The threads and the arms, each [H, W] of light, in the frame of the bell; `below` is 0 at the rim."""
    depth = (-below).clamp(min=0)
    reach = between(u[5], 0.9, 1.5)
    fade = torch.exp(-((depth / reach) ** 2)) * step(-below + 0.03, 0.03)
    current = between(u[6], -0.5, 0.5) * depth * depth
    threads = torch.zeros_like(x)
    for k in range(THREADS):
        across = (k / (THREADS - 1) * 2 - 1) * 0.94
        wave = 0.05 + 0.05 * abs(across)
        phase = float(p[7]) * 0.7 + 1.7 * k
        path = across * wide * (1 - 0.25 * depth) + wave * depth.sqrt() * torch.sin(4.2 * depth - phase) + current
        threads = threads + torch.exp(-(((x - path) / 0.017) ** 2)) + 0.22 * torch.exp(-(((x - path) / 0.055) ** 2))
    arms = torch.zeros_like(x)
    for k in range(ARMS):
        across = (k / (ARMS - 1) * 2 - 1) * 0.34
        phase = float(p[8]) * 0.7 + 2.1 * k
        path = across * wide * (1 - 0.5 * depth) + 0.07 * depth.sqrt() * torch.sin(5.5 * depth - phase) + 0.8 * current
        frill = 0.05 + 0.03 * torch.sin(17 * depth - 2 * phase) + 0.02 * depth
        t = (x - path) / frill
        arms = arms + torch.exp(-(t**2)) * (0.55 + 0.45 * torch.cos(9 * t + 11 * depth))
    short = torch.exp(-((depth / (0.62 * reach)) ** 2)) * step(-below + 0.06, 0.05)
    return threads * fade, arms * short


def _paint(
    x: Tensor, y: Tensor, wide: float, tall: float, rim: float, hung: tuple[Tensor, Tensor], u: Tensor
) -> Tensor:
    """The bell over what hangs from it."""
    glass, edge, heart = along(GLASS, u[12]), along(RIM, u[13]), along(HEART, u[14])
    up = ((y - rim) / tall).clamp(min=-1)
    flare = wide * (1 + between(u[9], -0.25, 0.3) * (1 - up.clamp(0, 1)) ** 3)
    scallop = 0.02 * torch.cos(x / wide * math.pi * 6)
    r = torch.sqrt((x / flare) ** 2 + up.clamp(min=0) ** 2)
    inside = step(1 - r, 0.025) * step(y - rim + scallop, 0.02)
    dome = (1 - r * r).clamp(min=0).sqrt()
    lip = torch.exp(-(((y - rim + scallop) / 0.022) ** 2)) * step(1 - (x / flare).abs(), 0.04)
    threads, arms = (map_ * (1 - 0.8 * inside) for map_ in hung)
    picture = tint(threads * 0.75, 0.55 * glass + 0.45 * edge) + tint(arms * 0.8, 0.5 * heart + 0.5 * edge)
    body, glint = _glass(x, up, flare, dome, wide, u)
    picture = picture + tint(inside * body, glass) + tint(inside * (1 - dome) ** 3.2 * 0.55 + lip * 0.8, edge)
    picture = picture + tint(_heart(x, y - rim, wide, tall, u) * inside * 0.7, heart) + tint(inside * glint * 0.6, edge)
    halo = torch.exp(-((x / 0.9) ** 2) - (((y - rim - 0.2) / 0.9) ** 2))
    return picture + tint(halo * 0.16 * (1 - inside), glass) + tint(torch.ones_like(x), WATER)


def _glass(x: Tensor, up: Tensor, flare: Tensor, dome: Tensor, wide: float, u: Tensor) -> tuple[Tensor, Tensor]:
    """How bright the glass of the bell is, brighter at its edge and along its ribs, and its highlight."""
    angle = torch.asin((x / (flare * (1 - up.clamp(0, 0.98) ** 2).sqrt() + 0.05)).clamp(-1, 1))
    ribs = torch.cos(angle * 8) * 0.5 + 0.5
    lit, glint = light(0.35 * dome * wide + 0.012 * ribs, math.pi * between(u[10], 0.3, 0.7), 0.8, 30.0)
    body = 0.12 + 0.75 * (1 - dome) ** 1.6 + 0.3 * ribs**3 * (0.35 + up.clamp(0, 1)) * between(u[11], 0.2, 1.0)
    return body * (0.45 + 0.75 * lit), glint


def _heart(x: Tensor, above: Tensor, wide: float, tall: float, u: Tensor) -> Tensor:
    """Four glowing rings in the bell; `above` is 0 at the rim."""
    spread = between(u[15], 0.16, 0.3) * wide
    out = torch.zeros_like(x)
    for k in (-1.5, -0.5, 0.5, 1.5):
        across, along_ = x - 1.15 * spread * k, above - tall * (0.52 - 0.06 * k * k)
        ring = torch.sqrt((across / (0.55 * spread + 0.02)) ** 2 + (along_ / (0.17 * tall)) ** 2)
        out = out + torch.exp(-(((ring - 0.75) / 0.3) ** 2)) + 0.4 * torch.exp(-(ring**2))
    return out
