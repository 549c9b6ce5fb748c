"""Reconstruction distance: how far a picture is from the nearest one that an autoencoder can make.

D_r(x) = min over z of |x - E[x | z]|, Das, Quanz et al. 2020, in the Euclidean norm over pixels of 0..1. Two forms:

- *amortised*: z = the encoder's mean; one pass. An upper bound of the other.
- *optimised*: gradient descent on z from there, with restarts; the smallest distance met on the way.

It says how far a picture is from home. It is no score of creativity: uniform noise scores highest of all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

CHUNK = 2048  # pictures at a time


class Autoencoder(Protocol):
    """What is asked of a network: `models.generators.vae` is one."""

    def encode(self, pixels: Tensor) -> tuple[Tensor, Tensor]: ...

    def decode(self, z: Tensor) -> Tensor: ...


def _distance(network: Autoencoder, z: Tensor, pixels: Tensor) -> Tensor:
    far: Tensor = torch.linalg.vector_norm(pixels - torch.sigmoid(network.decode(z)), dim=1)
    return far


@torch.no_grad()
def amortised(network: Autoencoder, pixels: Tensor) -> Tensor:
    """pixels [N, P] in 0..1 -> D_r [N] with z = the encoder's mean. Any thread; about a frame's work for a picture."""
    parts = [_distance(network, network.encode(part)[0], part) for part in torch.split(pixels, CHUNK)]
    return torch.cat(parts) if parts else pixels.new_zeros(0)


def optimised(
    network: Autoencoder,
    pixels: Tensor,
    restarts: int = 3,
    steps: int = 100,
    rate: float = 0.05,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Tensor:
    """pixels [N, P] in 0..1 -> D_r [N], the smallest met by Adam on z from the encoder's mean.

    The first start is the mean itself, the others lie a standard normal step beside it, so the result is never above
    the amortised one. `restarts` * `steps` passes forth and back: not for the render or generator thread. `progress`
    is called with 0..1 after each restart.
    """
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        means = torch.cat([network.encode(part)[0] for part in torch.split(pixels, CHUNK)])
    best = amortised(network, pixels)
    for start in range(restarts):
        beside = torch.randn(means.shape, generator=rng).to(means) if start else torch.zeros_like(means)
        with torch.enable_grad():
            z = (means + beside).requires_grad_(True)
            optimiser = torch.optim.Adam([z], lr=rate)
            for _ in range(steps):
                optimiser.zero_grad()
                far = _distance(network, z, pixels)
                torch.autograd.backward(far.sum())
                best = torch.minimum(best, far.detach())
                optimiser.step()
        with torch.no_grad():
            best = torch.minimum(best, _distance(network, z, pixels))
        if progress is not None:
            progress((start + 1) / restarts)
    return best


def auroc(inside: Tensor, outside: Tensor) -> float:
    """How surely a number tells two groups apart: the chance that one of `outside` [M] lies above one of `inside` [N]
    (ties count half). 0.5 is chance.
    """
    both = torch.cat([inside, outside]).double().cpu().numpy()
    _, place, counts = np.unique(both, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum() - (counts - 1) / 2)[place]  # mean rank among ties, from 1
    n, m = len(inside), len(outside)
    return float((ranks[n:].sum() - m * (m + 1) / 2) / (n * m))
