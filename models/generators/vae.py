"""A variational autoencoder of plain layers, as Das et al. decode it.

Kingma and Welling, "Auto-Encoding Variational Bayes" (2014); the widths, ReLU and dropout are those of Das, Quanz et
al., "Toward a Neuro-Inspired Creative Decoder" (IJCAI 2020): encoder 1000-500-250, a decoder that mirrors it, dropout
.10. The decoder is the generator that the show plays: its hidden neurons are channels of maps of 1 x 1, so that every
bend and every decoding method reaches them. w is z itself. There is no noise: noise modes change nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  its name everywhere

from models.generators import Scalar, Tap, identity
from models.generators.plain import drawn_in, fill

ARCHITECTURE = "vae"
DESCRIPTION = "variational autoencoder of plain layers (Kingma and Welling 2014), as Das et al. 2020 decode it"


@dataclass(frozen=True)
class Config:
    """`widths` are the encoder's hidden layers, the decoder has them in reverse; `grid` is the side of the pictures
    that it learns, `img_resolution` the side of those it shows. Without an `encoder` it only plays.
    """

    z_dim: int = 50
    widths: tuple[int, ...] = (1000, 500, 250)
    grid: int = 28
    img_resolution: int = 28
    dropout: float = 0.1
    encoder: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(int(width) for width in self.widths))
        if min(self.z_dim, self.grid, self.img_resolution, len(self.widths), *self.widths) < 1:
            raise ValueError("z_dim, widths, grid and img_resolution are at least 1, and there is one width or more")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is a share below 1, not {self.dropout}")


class VAE(nn.Module):
    """The network. In training mode hidden neurons are dropped; `build` gives it in evaluation mode."""

    w_avg: Tensor
    architecture = ARCHITECTURE

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.settings = config
        self.z_dim = self.w_dim = config.z_dim
        self.c_dim, self.num_ws = 0, 1
        self.img_resolution, self.img_channels = config.img_resolution, 1
        self.compute_dtype = torch.float32
        pixels = config.grid**2
        down, up = (pixels, *config.widths), (config.z_dim, *reversed(config.widths), pixels)
        self.decoder = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(up))
        if config.encoder:
            self.encoder = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(down))
            self.posterior = nn.Linear(down[-1], 2 * config.z_dim)
        self.register_buffer("w_avg", torch.zeros(config.z_dim), persistent=False)
        self.layers = (*(f"hidden{k + 1}" for k in range(len(config.widths))), "image")

    @property
    def config(self) -> dict[str, Any]:
        """What `build` needs to make this network again."""
        return {**asdict(self.settings), "widths": list(self.settings.widths)}

    def encode(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """pixels [N, grid * grid] in 0..1 -> mean and logarithm of the variance of z, [N, z_dim] each.

        ValueError if this network came without its encoder.
        """
        if not self.settings.encoder:
            raise ValueError("this VAE came without its encoder, so it can only play")
        x = pixels
        for layer in self.encoder:
            x = F.dropout(F.relu(layer(x)), self.settings.dropout, self.training)
        mean, log_variance = self.posterior(x).chunk(2, dim=1)
        return mean, log_variance

    def decode(self, z: Tensor, tap: Tap = identity) -> Tensor:
        """z [N, z_dim] -> the picture's logits [N, grid * grid] float32; taps get [N, C, 1, 1] and [N, 1, grid, grid].

        The sigmoid of the logits is E[x | z], the picture in 0..1.
        """
        x = z.to(self.compute_dtype)
        *hidden, last = self.decoder
        for name, layer in zip(self.layers, hidden, strict=False):
            x = F.relu(_linear(layer, x))
            x = F.dropout(x, self.settings.dropout, self.training)
            x = tap(name, x[:, :, None, None]).flatten(1)
        logits = _linear(last, x).float()
        side = self.settings.grid
        return tap("image", logits.view(-1, 1, side, side)).flatten(1)

    def map(
        self, z: Tensor, c: Tensor | None = None, truncation_psi: Scalar = 0.7, truncation_cutoff: int | None = None
    ) -> Tensor:
        """z [N, z_dim] (standard normal) -> w [N, 1, z_dim]: z itself, drawn towards 0 by psi. ValueError if there is
        a label.
        """
        return drawn_in(z, self.w_avg, c, truncation_psi, truncation_cutoff)

    def synthesize(
        self,
        w: Tensor,
        noise_mode: str = "const",
        tap: Tap = identity,
        noise_strength: Scalar = 1.0,
        rng: torch.Generator | None = None,
        transform: Tensor | None = None,
    ) -> Tensor:
        """w [N, 1, z_dim] -> [N, 1, H, W] float32 in -1..1. "image" is tapped as logits, before the sigmoid, so every
        bend stays a picture. ValueError for an unknown noise mode.
        """
        if noise_mode not in ("const", "random", "none"):
            raise ValueError(f"noise_mode must be const, random or none, not {noise_mode!r}")
        side, shown = self.settings.grid, self.settings.img_resolution
        image = torch.sigmoid(self.decode(w[:, 0], tap)).view(-1, 1, side, side) * 2 - 1
        if side == shown:
            return image
        return F.interpolate(image, [shown, shown], mode="bicubic", align_corners=False).clamp(-1, 1)


def _linear(layer: nn.Module, x: Tensor) -> Tensor:
    """A plain layer, computed in the type of x."""
    assert isinstance(layer, nn.Linear)
    return F.linear(x, layer.weight.to(x.dtype), layer.bias.to(x.dtype))


def build(config: Mapping[str, Any], tensors: Mapping[str, Tensor] | None = None) -> VAE:
    """A network from its configuration and weights; without weights, a random one for training.

    ValueError names settings that cannot be, and what is missing, foreign or of another shape.
    """
    network = VAE(Config(**config)).eval()
    if tensors is not None:
        fill(network, tensors, "VAE")
    return network
