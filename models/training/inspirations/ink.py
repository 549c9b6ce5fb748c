"""ink: smoke of ink in black water, folded into threads, with one colour that bleeds through it.

Noise is a sum of plane waves whose phases drift with p; it is folded by other noise three times (Quilez, "Domain
warping"), and its level lines are the threads.
"""

import math

import torch
from torch import Tensor

from models.training.inspirations.canvas import OVER, along, between, canvas, light, smaller, step, tint, uniform

ABOUT = "ink in black water: folded smoke and marbled threads in silver, with one colour that bleeds through"
DIMENSIONS = 14
WAVES = 7

ACCENT = torch.tensor(
    [[1.0, 0.12, 0.08], [1.0, 0.42, 0.05], [0.95, 0.75, 0.2], [0.05, 0.75, 0.65], [0.15, 0.35, 1.0], [0.8, 0.15, 0.75]]
)
SILVER = torch.tensor([[1.0, 0.93, 0.84], [0.86, 0.93, 1.0], [0.93, 1.0, 0.95]])


def _waves(seed: int, low: float, high: float) -> Tensor:
    """[WAVES, 4]: frequency x and y, phase, weight; the same for all time."""
    rng = torch.Generator().manual_seed(seed)
    turn = torch.rand(WAVES, generator=rng) * 2 * math.pi
    rate = low * (high / low) ** torch.linspace(0, 1, WAVES)
    return torch.stack(
        [rate * turn.cos(), rate * turn.sin(), torch.rand(WAVES, generator=rng) * 2 * math.pi, (low / rate) ** 0.9], 1
    )


FOLD = (_waves(1, 0.7, 2.0), _waves(2, 0.7, 2.0), _waves(3, 1.0, 3.0), _waves(4, 1.0, 3.0))
BODY, STAIN, SHOWN = _waves(5, 0.6, 2.0), _waves(6, 0.4, 1.2), _waves(8, 0.4, 1.2)
DRIFT = torch.randn(7, 12, WAVES, generator=torch.Generator().manual_seed(7)) / math.sqrt(12)
SWAY = 0.2  # how far a standard deviation of p moves a wave, in radians: the folds sway, and do not turn into others


def _noise(x: Tensor, y: Tensor, waves: Tensor, phases: Tensor) -> Tensor:
    """About -1..1."""
    total = torch.zeros_like(x)
    for (fx, fy, phase, weight), drift in zip(waves.tolist(), phases.tolist(), strict=True):
        total = total + weight * torch.sin(math.pi * (fx * x + fy * y) + phase + drift)
    return total / waves[:, 3].square().sum().sqrt()


def draw(p: Tensor, size: int) -> Tensor:
    """p [14], standard normal -> [3, size, size] in 0..1."""
    u = uniform(p)
    moved = torch.einsum("p,npw->nw", p[:12], DRIFT)
    x, y = canvas(size * OVER)
    shown = _noise(x, y, SHOWN, SWAY * moved[6] * 8)
    stain = _noise(x, y, STAIN, SWAY * moved[5] * 8)
    reach = 0.34 + between(u[0], -0.03, 0.03)
    for k in (0, 2):
        dx, dy = _noise(x, y, FOLD[k], SWAY * moved[k]), _noise(x, y, FOLD[k + 1], SWAY * moved[k + 1])
        x, y = x + reach * dx, y + reach * dy
        reach *= 0.55
    body = _noise(x, y, BODY, SWAY * moved[4])
    return smaller(_paint(u, body, shown, stain))


def _paint(u: Tensor, body: Tensor, shown: Tensor, stain: Tensor) -> Tensor:
    """Smoke, its threads, and the stain, where the water lets them be seen."""
    silver, accent = along(SILVER, u[13]), along(ACCENT, u[12])
    plume = 0.14 + 0.86 * step(shown + between(u[1], 0.0, 0.8), 0.8)
    sheet = torch.cos(2 * math.pi * (1.5 * body + between(u[2], -0.14, 0.14))) * 0.5 + 0.5
    thread = sheet**8
    lit, glint = light(0.12 * body + 0.04 * sheet, math.pi * between(u[3], 0.3, 0.7), 0.7, 24.0)
    ink = plume * ((0.08 + 0.42 * sheet**1.5) * (0.25 + 0.9 * lit) + 0.7 * thread * lit + 0.4 * glint * sheet)
    bleed = step(stain + between(u[4], -0.9, 0.1), 0.5)
    red = bleed * (0.25 + plume) * (0.14 + 0.6 * sheet + 0.6 * thread) * (0.35 + 0.8 * lit)
    return tint(ink * (1 - 0.75 * bleed), silver) + tint(red * 1.2, accent) + tint(red * red * 0.45, silver)
