"""A small network whose w is spread unevenly, and a toy whose picture's factors are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.generators import Generator, build

SMALL = {"z_dim": 16, "w_dim": 16, "img_resolution": 32, "channel_base": 512, "channel_max": 16, "mapping_layers": 2}
SMALL3 = {"z_dim": 16, "w_dim": 16, "img_resolution": 32, "channel_base": 512, "channel_max": 16}


def small(seed: int = 0, architecture: str = "stylegan2", **changes: object) -> Generator:
    """A random network of 32 x 32 without gradients, its mean w measured."""
    torch.manual_seed(seed)
    network = build(architecture, {**(SMALL if architecture == "stylegan2" else SMALL3), **changes})
    assert isinstance(network, nn.Module)
    network.eval().requires_grad_(False)
    z = torch.randn(500, network.z_dim)
    c = torch.eye(network.c_dim)[torch.arange(500) % network.c_dim] if network.c_dim else None
    network.w_avg.copy_(network.map(z, c, truncation_psi=1.0)[:, 0].mean(0))
    return network


class Scenes(nn.Module):
    """A toy: w is a turned and stretched z; three of its axes are the brightness, warmth and size of a disc.

    What the directions must be is known: the columns of `turn`, by `spread`, the first three being the factors.
    """

    architecture = "scenes"
    z_dim = w_dim = 12
    c_dim, num_ws, img_resolution, img_channels = 0, 4, 32, 3
    layers = ("disc",)

    def __init__(self, seed: int) -> None:
        super().__init__()
        rng = np.random.RandomState(seed)
        turn, _ = np.linalg.qr(rng.randn(12, 12))
        self.spread = np.array([3.0, 2.4, 1.9, *np.linspace(1.4, 0.4, 9)])
        self.turn = turn
        self.mapping = nn.Identity()
        self.register_buffer("w_avg", torch.from_numpy(rng.randn(12)).float())
        self.register_buffer("matrix", torch.from_numpy((turn * self.spread).T).float())

    w_avg: Tensor
    matrix: Tensor

    def map(self, z: Tensor, c: Tensor | None = None, truncation_psi: float = 0.7, **_: Any) -> Tensor:
        w = self.w_avg + truncation_psi * (z.float() @ self.matrix)
        return w[:, None].expand(-1, self.num_ws, -1)

    def synthesize(self, w: Tensor, noise_mode: str = "const", **_: Any) -> Tensor:
        axes = (w.mean(1) - self.w_avg) @ torch.from_numpy(self.turn / self.spread).float()
        bright, warm, large = torch.sigmoid(0.4 * axes[:, :3, None, None]).unbind(1)  # each [N, 1, 1]
        y, x = torch.meshgrid(torch.linspace(-1, 1, 32), torch.linspace(-1, 1, 32), indexing="ij")
        radius = 0.4 + 0.4 * large
        # Light is spread over the disc, so that its sum says nothing of the size; nor does the colour change it.
        disc = torch.sigmoid((radius - torch.hypot(x, y)) * 20) * (0.05 + 0.1 * bright) / (radius * radius)
        red, blue = 0.5 + warm, 1.5 - warm
        green = (1 - 0.2126 * red - 0.0722 * blue) / 0.7152
        return torch.stack([red * disc, green * disc, blue * disc], 1) * 2 - 1
