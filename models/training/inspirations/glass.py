"""glass: a rose window of stained glass, rings of lancets and roundels that turn against each other, lit from behind.

All of it is polar: a ring is a band of radii, a light (a pane) of it a span of angles, and the lead between them the
level line of a distance. p turns the rings, widens them, and chooses the colours and where the sun stands.
"""

import math

import torch
from torch import Tensor

from models.training.inspirations.canvas import OVER, along, between, canvas, light, smaller, step, tint, uniform

ABOUT = "rose windows of stained glass: rings of lancets and roundels that turn against each other, the sun behind"
DIMENSIONS = 16
FOLD = 10

COOL = torch.tensor([[0.02, 0.1, 0.75], [0.0, 0.4, 0.85], [0.0, 0.6, 0.55], [0.25, 0.05, 0.8], [0.02, 0.1, 0.75]])
WARM = torch.tensor([[0.9, 0.05, 0.06], [1.0, 0.3, 0.02], [1.0, 0.65, 0.08], [0.9, 0.08, 0.4], [0.9, 0.05, 0.06]])
PALE = torch.tensor([[1.0, 0.9, 0.55], [0.75, 0.95, 1.0], [0.9, 0.75, 1.0]])
LEAD = 0.02


def draw(p: Tensor, size: int) -> Tensor:
    """p [16], standard normal -> [3, size, size] in 0..1."""
    u = uniform(p)
    x, y = canvas(size * OVER)
    x, y = x - 0.02 * float(p[14].clamp(-2, 2)), y - 0.02 * float(p[15].clamp(-2, 2))
    zoom = between(u[13], 1.12, 0.92)
    radius, angle = torch.hypot(x * zoom, y * zoom) + 1e-5, torch.atan2(y, x)
    heart, inner, middle, outer = _radii(u)
    picture = torch.zeros(3, *x.shape)
    lead = torch.zeros_like(radius)
    picture, lead = _roundel(picture, lead, radius, angle, heart, u)
    for ring, (low, high, turn) in enumerate(((heart, inner, u[3]), (inner, middle, u[4]), (middle, outer, u[5]))):
        around = angle + (2 * math.pi / FOLD) * between(turn, -0.4, 0.4) + ring * math.pi / FOLD
        picture, lead = _ring(picture, lead, radius, around, (low, high), ring, u)
    return smaller(_lit(picture, lead, radius, outer, x, y, u))


def _radii(u: Tensor) -> tuple[float, float, float, float]:
    heart = between(u[0], 0.15, 0.26)
    inner = heart + between(u[1], 0.18, 0.3)
    return heart, inner, inner + between(u[2], 0.2, 0.32), 0.97


def _edge(distance: Tensor) -> Tensor:
    """Lead along distance 0."""
    return torch.exp(-((distance / LEAD) ** 2))


def _roundel(
    picture: Tensor, lead: Tensor, radius: Tensor, angle: Tensor, heart: float, u: Tensor
) -> tuple[Tensor, Tensor]:
    """The heart: a flower of six in a disc."""
    petal = heart * (0.62 + 0.3 * torch.cos(6 * (angle + between(u[3], -0.26, 0.26))))
    inside = step(heart - radius, 0.01)
    flower = step(petal - radius, 0.012)
    pale, warm, cool = along(PALE, u[6]), along(WARM, u[7]), along(COOL, u[8])
    picture = picture + tint(inside * flower, 0.75 * pale + 0.25 * warm) + tint(inside * (1 - flower), cool)
    return picture, torch.maximum(lead, torch.maximum(_edge(petal - radius) * inside, _edge(radius - heart)))


def _ring(
    picture: Tensor, lead: Tensor, radius: Tensor, around: Tensor, span: tuple[float, float], ring: int, u: Tensor
) -> tuple[Tensor, Tensor]:
    """A ring of pointed lights, with a roundel in each, and small panes between their points."""
    low, high = span
    t = (radius - low) / (high - low)
    sector = 2 * math.pi / FOLD
    local = torch.remainder(around + sector / 2, sector) - sector / 2  # -half .. half a light
    across = local * radius  # as a length
    half = sector / 2 * radius
    taper = torch.sqrt((1 - ((t - 0.2) / 0.8).clamp(0, 1) ** between(u[9], 0.9, 1.9)).clamp(min=0))
    edge = half * 0.94 * taper - across.abs()
    inside = step(radius - low, 0.006) * step(high - radius, 0.006)
    light_in = step(edge, 0.008)
    size = between(u[10], 0.1, 0.25) * sector * (low + high) / 2
    from_eye = torch.hypot(across, (t - 0.42) * (high - low)) - size
    eye = step(-from_eye, 0.008)
    rim = (step(-(from_eye - size * 0.45), 0.01) - eye).clamp(0, 1)
    hue = float(u[7]) + 0.27 * ring
    even = torch.cos(around * FOLD / 2) * 0.5 + 0.5 if ring == 1 else torch.ones_like(t)
    warm, cool = along(WARM, torch.tensor(hue % 1.0)), along(COOL, torch.tensor((float(u[8]) + 0.31 * ring) % 1.0))
    body = [cool, warm, cool][ring]
    other = [warm, cool, warm][ring]
    pale = along(PALE, u[6])
    ripple = torch.cos(across / half * 2.2) * torch.cos(math.pi * 1.6 * (t - between(u[11], 0.1, 0.9)))
    shade = 0.62 + 0.38 * ripple
    own = tint(shade, body) * (0.75 + 0.25 * even)[None]
    own = own * (1 - rim)[None] + tint(rim, other)
    own = own * (1 - eye)[None] + tint(eye, 0.4 * pale + 0.6 * other)
    between_them = tint((1.2 - t).clamp(0, 1), 0.75 * other)
    here = own * light_in[None] + between_them * (1 - light_in)[None]
    lines = torch.maximum(torch.maximum(_edge(edge), _edge(from_eye) * light_in), _edge(radius - high))
    return picture + here * inside[None], torch.maximum(lead, lines * inside)


def _lit(picture: Tensor, lead: Tensor, radius: Tensor, outer: float, x: Tensor, y: Tensor, u: Tensor) -> Tensor:
    """The sun behind the window, its rays, and the wall around it."""
    where, far = 2 * math.pi * between(u[12], -0.45, 0.45), 0.5
    sx, sy = far * math.sin(where), far * math.cos(where)
    sun = torch.exp(-(((x - sx) ** 2 + (y - sy) ** 2) / 0.5))
    window = step(outer - radius, 0.01)
    glow = (0.34 + 1.3 * sun) * (1 - 0.94 * lead) * window
    relief, glint = light(-0.02 * lead, where + math.pi / 2, 0.6, 16.0)
    out = picture * glow[None] + picture.square() * (0.6 * sun * window * (1 - lead))[None]
    frame = torch.exp(-(((radius - outer - 0.03) / 0.025) ** 2))
    gold = torch.tensor([0.55, 0.4, 0.2])
    out = out + tint(lead * window * (0.05 + 0.1 * relief + 0.4 * glint), gold) + tint(frame * (0.12 + 0.5 * sun), gold)
    spill = torch.exp(-((radius - outer).clamp(min=0) / 0.25)) * (1 - window)
    colour = along(WARM, u[7])
    return out + tint(spill * 0.12 * (0.4 + sun), colour)
