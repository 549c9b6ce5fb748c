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
BODY, STAIN = _waves(5, 0.6, 2.0), _waves(6, 0.6, 1.6)
DRIFT = torch.randn(6, 12, WAVES, generator=torch.Generator().manual_seed(7)) / math.sqrt(12)


def _noise(x: Tensor, y: Tensor, waves: Tensor, phases: Tensor) -> Tensor:
    """About -1..1."""
    total = torch.zeros_like(x)
    for (fx, fy, phase, weight), drift in zip(waves.tolist(), phases.tolist(), strict=True):
        total = total + weight * torch.sin(math.pi * (fx * x + fy * y) + phase + drift)
    return total / waves[:, 3].square().sum().sqrt()


def draw(p: Tensor, size: int) -> Tensor:
    """p [14], standard normal -> [3, size, size] in 0..1."""
    u = uniform(p)
    moved = torch.einsum("p,npw->nw", p[:12], DRIFT) * 0.55
    x, y = canvas(size * OVER)
    reach = between(u[0], 0.18, 0.42)
    for k in (0, 2):
        dx, dy = _noise(x, y, FOLD[k], moved[k]), _noise(x, y, FOLD[k + 1], moved[k + 1])
        x, y = x + reach * dx, y + reach * dy
        reach *= 0.55
    body = _noise(x, y, BODY, moved[4])
    stain = _noise(x, y, STAIN, moved[5])
    return smaller(_paint(u, body, stain))


def _paint(u: Tensor, body: Tensor, stain: Tensor) -> Tensor:
    """Smoke, its threads, the stain."""
    silver, accent = along(SILVER, u[13]), along(ACCENT, u[12])
    plume = step(body - between(u[1], -0.7, 0.1), 1.1)
    phase = body * between(u[2], 1.5, 1.9) + 0.6 * stain
    sheet = torch.cos(2 * math.pi * phase) * 0.5 + 0.5
    thread = sheet**7
    lit, glint = light(0.1 * body + 0.035 * sheet, math.pi * between(u[3], 0.2, 0.8), 0.7, 24.0)
    smoke = plume * (0.1 + 0.42 * sheet**1.5) * (0.25 + 0.9 * lit)
    bleed = step(stain - between(u[4], -0.2, 0.6), 0.55)
    ink = smoke + 0.75 * plume * thread * (0.3 + 0.7 * lit) + 0.5 * plume * glint * sheet
    red = bleed * (0.1 + 0.55 * sheet + 0.7 * thread) * (0.15 + plume) * (0.3 + 0.8 * lit)
    return tint(ink * (1 - 0.8 * bleed), silver) + tint(red * 1.2, accent) + tint(red * red * 0.5, silver)
