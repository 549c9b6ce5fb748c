"""The judge of weights before they reach the stage: one look at the pictures of fixed latents, beside those of home."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from models.generators import Generator
from models.guard.look import Look, look
from models.latents import landmark

COUNT = 16  # pictures of a look
FIRST_SEED = 700_000  # landmarks that no show walks through by chance
COLLAPSED = 0.2  # less than this share of home's diversity is left
BURNT_OUT = 0.2  # less than this share of what lay between black and full in home is left
EMPTY = 0.25  # less than this share of what was drawn on home's grounds is left
NOTHING = 0.01  # less diversity than this is one picture whatever home is


@dataclass(frozen=True)
class Guard:
    """Judges looks beside `home`, the readings of the network as it was trained (or of real pictures). Any thread.

    Without a home only what is broken by any measure is an alarm: one picture for all latents, numbers that are not
    finite.
    """

    home: Look | None = None

    def judge(self, seen: Look) -> tuple[str, ...]:
        """The alarms: "not finite", "collapse", "saturation", "sparse"; () is healthy."""
        if not seen.finite:
            return ("not finite",)
        home = self.home or Look(0.0, 0.0, 0.0, True)
        alarms = []
        if seen.diversity < max(NOTHING, COLLAPSED * home.diversity):
            alarms.append("collapse")
        if self.home is not None and 1 - seen.saturated < BURNT_OUT * (1 - home.saturated):
            alarms.append("saturation")
        if self.home is not None and 1 - seen.sparse < EMPTY * (1 - home.sparse):
            alarms.append("sparse")
        return tuple(alarms)

    def check(self, generator: Generator) -> tuple[str, ...]:
        """The alarms of a network's pictures as it is now: `COUNT` pictures, so off the frame path."""
        return self.judge(look(pictures_of(generator)))


def guard_of(generator: Generator) -> Guard:
    """The guard whose home is this network as it is now; Guard() where its own pictures are not finite or all one."""
    home = look(pictures_of(generator))
    return Guard(home if home.finite and home.diversity >= NOTHING else None)


def fixed_latents(z_dim: int, count: int = COUNT) -> Tensor:
    """[count, z_dim]: the same landmarks on every machine and in every run."""
    return torch.stack([torch.from_numpy(landmark(FIRST_SEED + k, z_dim)) for k in range(count)])


@torch.no_grad()
def pictures_of(generator: Generator, count: int = COUNT) -> Tensor:
    """[count, 3, H, W] of the fixed latents, psi 1, constant noise; labels of a conditional network take turns."""
    device = generator.w_avg.device
    z = fixed_latents(generator.z_dim, count).to(device)
    label = None
    if generator.c_dim:
        label = torch.eye(generator.c_dim, device=device)[torch.arange(count, device=device) % generator.c_dim]
    parts = math.ceil(count * (generator.img_resolution / 256) ** 2 / COUNT)  # no more memory than 16 of 256x256
    cuts = zip(z.chunk(parts), label.chunk(parts) if label is not None else [None] * parts, strict=False)
    made = [generator.synthesize(generator.map(some, c, truncation_psi=1.0), noise_mode="const") for some, c in cuts]
    return torch.cat(made)
