"""Readings of a batch of pictures, and the features that distances are taken in.

The features are a small convolutional network that nobody trained: weights drawn once from a fixed seed, over pictures
averaged down to 32x32. Such features keep what the guard needs (are these sixteen pictures sixteen pictures?), need no
file, know no domain, and give the same numbers on every machine. They say nothing of beauty or of likeness to data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  its name everywhere

SIZE = 32  # side of the pictures that the features see
WIDTHS = (16, 32, 64)
SEED = 8
BURNT = 1 - 3 / 127.5  # from here on a channel is 0..2 or 253..255 of 255
INK = 0.15  # a channel this far (of 2) from the picture's ground is drawn, not empty: 19 of 255


@dataclass(frozen=True)
class Look:
    """Readings of one batch of pictures; all but `finite` and `change` are meant beside those of another batch.

    diversity: mean feature distance of all pairs, 0 for identical pictures, about 0.2 to 0.8 for a healthy network.
    saturated: share 0..1 of the channel values at black or full. sparse: share 0..1 of the pixels that are no different
    from their picture's ground (its median colour). change: mean absolute difference (of 2) from the batch before, as
    averaged down; nan if there was none. With finite False the others are 0 and say nothing.
    """

    diversity: float
    saturated: float
    sparse: float
    finite: bool
    change: float = math.nan


@torch.no_grad()
def look(pictures: Tensor, before: Tensor | None = None) -> Look:
    """Readings of pictures [N, 3 or 1, H, W] about -1..1, N >= 2; `before`: the same latents' pictures of earlier.

    About 5 ms for 16 pictures of 64x64 on one core. Any thread. ValueError for fewer than two pictures.
    """
    if len(pictures) < 2:
        raise ValueError("diversity is a distance between pictures: look at two or more")
    if not torch.isfinite(pictures).all():
        return Look(0.0, 0.0, 0.0, False)
    seen = pictures.float().clamp(-1, 1)
    small = smaller(seen)
    change = math.nan if before is None else float((small - smaller(before.float().clamp(-1, 1))).abs().mean())
    saturated = float((seen.abs() > BURNT).float().mean())
    ground = small.flatten(2).median(dim=2).values[:, :, None, None]
    sparse = float(((small - ground).abs().amax(1) <= INK).float().mean())
    return Look(diversity(small), saturated, sparse, True, change)


def smaller(pictures: Tensor) -> Tensor:
    """[N, C, H, W] -> [N, 3, 32, 32], averaged (or repeated where the picture is smaller)."""
    small = F.adaptive_avg_pool2d(pictures.contiguous(), SIZE)
    return small.expand(-1, 3, -1, -1) if small.shape[1] == 1 else small


def diversity(small: Tensor) -> float:
    """Mean distance of all pairs of [N, 3, 32, 32] in feature space (METHODS M8)."""
    found = features(small)
    return float(torch.pdist(found).mean())


def features(small: Tensor) -> Tensor:
    """[N, 3, 32, 32] -> [N, F]: colour at 8x8 and three random layers, each level scaled to count alike."""
    levels = [F.avg_pool2d(small, 4).flatten(1)]
    x = small
    for weight in seeded_layers(SEED, WIDTHS, small.device):
        x = F.relu(F.conv2d(x, weight, stride=2, padding=1))
        levels.append(x.flatten(1))
    return torch.cat([level / math.sqrt(level.shape[1] * len(levels)) for level in levels], dim=1)


@cache
def seeded_layers(seed: int, widths: tuple[int, ...], device: torch.device) -> tuple[Tensor, ...]:
    """Untrained 3x3 layers [O, I, 3, 3] from RGB on, drawn from one seed so that variance is kept (He et al. 2015)."""
    rng = torch.Generator().manual_seed(seed)
    sizes = zip((3, *widths[:-1]), widths, strict=True)
    return tuple(
        (torch.randn([outputs, inputs, 3, 3], generator=rng) * math.sqrt(2 / (9 * inputs))).to(device)
        for inputs, outputs in sizes
    )
