"""A generator without weights: a coordinate network (CPPN) whose random weights come from a seed.

Stanley, "Compositional Pattern Producing Networks" (2007). Every pixel's place goes through a small network of sines
and soft steps; the latent bends each layer (scale and shift), so a walk in z is a walk among smooth, coloured fields
of light on black. It has the face of every other generator, runs anywhere at once, and is what plays before the first
checkpoint is ready.

The network is evaluated at `grid` x `grid` points and enlarged: its pictures are smooth, and points are what it costs.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  its name everywhere

from models.generators import Scalar, Tap, identity

ARCHITECTURE = "cppn"
DESCRIPTION = "colour fields from a random coordinate network (Stanley 2007); needs no weights"


@dataclass(frozen=True)
class Config:
    """`seed` decides the whole network; `width` maps in each of `depth` hidden layers."""

    z_dim: int = 64
    width: int = 24
    depth: int = 4
    grid: int = 128
    img_resolution: int = 256
    seed: int = 7


class CPPN(nn.Module):
    """The network; `compute_dtype` is accepted and float32 is used (sines of large arguments want it)."""

    architecture = ARCHITECTURE
    w_avg: Tensor
    places: Tensor
    noise_const: Tensor
    turn: Tensor
    into: Tensor
    phase: Tensor
    out: Tensor
    tint: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.settings = config
        self.z_dim = self.w_dim = config.z_dim
        self.c_dim = 0
        self.img_resolution, self.img_channels = config.img_resolution, 3
        self.layers = ("warp", *(f"field{k}" for k in range(config.depth)), "torgb")
        self.num_ws = len(self.layers)
        self.compute_dtype = torch.float32
        rng = np.random.default_rng(config.seed)

        def keep(name: str, *shape: int, scale: float) -> None:
            value = torch.from_numpy((rng.standard_normal(shape) * scale).astype(np.float32))
            self.register_buffer(name, value, persistent=False)

        self.register_buffer("w_avg", torch.zeros(config.z_dim), persistent=False)
        axis = (torch.arange(config.grid) + 0.5) / config.grid * 2 - 1
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        places = torch.stack([x, y])[None]
        self.register_buffer("places", places, persistent=False)
        keep("noise_const", 1, 2, 6, 6, scale=0.12)
        width, dim = config.width, config.z_dim
        keep("turn", dim, 6, scale=1 / math.sqrt(dim))  # the latent moves, turns and zooms the plane
        keep("into", width, 3, 1, 1, scale=1.5)
        keep("phase", dim, width, scale=1.6 / math.sqrt(dim))
        for k in range(config.depth):
            keep(f"weight{k}", width, width, 1, 1, scale=1.15 / math.sqrt(width))
            keep(f"shift{k}", dim, width, scale=0.9 / math.sqrt(dim))
            keep(f"gate{k}", dim, width, scale=0.5 / math.sqrt(dim))
        keep("out", 4, width, 1, 1, scale=1.3 / math.sqrt(width))
        keep("tint", dim, 4, scale=1.6 / math.sqrt(dim))

    @property
    def config(self) -> dict[str, Any]:
        """What `build` needs to make this network again."""
        return asdict(self.settings)

    def map(
        self, z: Tensor, c: Tensor | None = None, truncation_psi: Scalar = 0.7, truncation_cutoff: int | None = None
    ) -> Tensor:
        """z [N, z_dim] -> w [N, num_ws, w_dim]: z at its typical length, drawn towards 0 by psi. ValueError if there
        is a label.
        """
        if c is not None:
            raise ValueError("this network has no labels; c is not wanted")
        w = z.float() * torch.rsqrt(z.float().square().mean(dim=1, keepdim=True) + 1e-8)
        ws = w.unsqueeze(1).expand(-1, self.num_ws, -1)
        if not isinstance(truncation_psi, Tensor) and truncation_psi == 1:
            return ws.clone()
        near = self.w_avg + truncation_psi * (ws - self.w_avg)
        return (
            near
            if truncation_cutoff is None
            else torch.cat([near[:, :truncation_cutoff], ws[:, truncation_cutoff:]], 1)
        )

    def synthesize(
        self,
        w: Tensor,
        noise_mode: str = "const",
        tap: Tap = identity,
        noise_strength: Scalar = 1.0,
        rng: torch.Generator | None = None,
        transform: Tensor | None = None,
    ) -> Tensor:
        """w [N, num_ws, w_dim] -> [N, 3, H, W] float32 in -1..1. Noise is a slow warp of the plane.

        Taps get [N, width, grid, grid] for the fields, [N, 2, grid, grid] for "warp" (the places), [N, 3, grid, grid]
        for "torgb". ValueError for an unknown noise mode.
        """
        if noise_mode not in ("const", "random", "none"):
            raise ValueError(f"noise_mode must be const, random or none, not {noise_mode!r}")
        styles = w.unbind(1)
        x = tap("warp", self._places(styles[0], noise_mode, noise_strength, rng))
        radius = (x[:, :1].square() + x[:, 1:].square()).sqrt()
        x = F.conv2d(torch.cat([x, radius], 1), self.into)
        x = torch.sin(x + _maps(styles[0] @ self.phase))
        for k in range(self.settings.depth):
            weight: Tensor = getattr(self, f"weight{k}")
            y = F.conv2d(x, weight)
            gate = 1 + _maps(styles[k + 1] @ getattr(self, f"gate{k}"))
            y = torch.addcmul(_maps(styles[k + 1] @ getattr(self, f"shift{k}")), y, gate).sin_()
            x = tap(f"field{k}", torch.add(y, x, alpha=0.5))
        out = F.conv2d(x, self.out) + _maps(styles[-1] @ self.tint)
        image = tap("torgb", _light(out))
        size = [self.img_resolution, self.img_resolution]
        return (
            image if image.shape[2:] == tuple(size) else F.interpolate(image, size, mode="bicubic", align_corners=False)
        )

    def _places(self, w: Tensor, mode: str, strength: Scalar, rng: torch.Generator | None) -> Tensor:
        """[N, 2, grid, grid]: the plane, zoomed, turned, moved by the latent and warped by the noise."""
        a = w @ self.turn  # [N, 6]
        zoom = torch.exp(0.35 * a[:, 2]) * 0.9
        matrix = (
            torch.stack([torch.cos(a[:, 3]), -torch.sin(a[:, 3]), torch.sin(a[:, 3]), torch.cos(a[:, 3])], 1)
            * zoom[:, None]
        )
        x = self.places
        if mode != "none":
            noise = self.noise_const
            if mode == "random":
                noise = torch.randn(noise.shape, generator=rng, device=x.device) * 0.12
            x = x + F.interpolate(noise, list(x.shape[2:]), mode="bicubic", align_corners=True) * strength
        turned = torch.einsum("nij,mjhw->nihw", matrix.view(-1, 2, 2), x)
        return turned + 0.4 * _maps(a[:, :2])


def _maps(v: Tensor) -> Tensor:
    """[N, C] -> [N, C, 1, 1]."""
    return v[:, :, None, None]


def _light(x: Tensor) -> Tensor:
    """[N, 4, H, W] -> colours [N, 3, H, W] in -1..1: one map of height, three of tint; much of it near black.

    Light stands where the height crosses a multiple of pi (a thin bright line in a wide soft glow), so every picture
    has some.
    """
    near = torch.sin(x[:, :1] * 2.6).square()
    line, glow = 1 / (1 + 200 * near), 1 / (1 + 6 * near)
    tint = 0.5 + 0.5 * torch.sin(1.3 * x[:, 1:])
    # Light through coloured glass: lines towards white, the glow saturated, the rest black.
    return (glow * glow * tint * tint * 1.5 + line * (0.25 + 0.75 * tint) * 0.9).clamp(0, 1) * 2 - 1


def build(config: Mapping[str, Any], tensors: Mapping[str, Tensor] | None = None) -> CPPN:
    """The network of this configuration; it has no weights, so ValueError if any are given."""
    if tensors:
        raise ValueError(f"a CPPN has no weights, but {len(tensors)} are given")
    return CPPN(Config(**config)).eval()
