"""DCGAN: a stack of transposed convolutions, as creative adversarial networks and dataless generators use it.

Radford et al., "Unsupervised Representation Learning with Deep Convolutional GANs" (ICLR 2016): z becomes a map of
4 x 4 and doubles its side with every transposed convolution of 4 x 4, batch normalisation and ReLU between; five of
them make 64 x 64. Ahn, Huang and Lee, "Implementing Creative Adversarial Networks", end it with a sigmoid whose input
is mapped linearly to -4..4: no colour can saturate, so gradients never vanish there, and pixels lie in 0.018..0.982.
We map each picture by its own least and largest number, so a picture does not depend on its neighbours in a batch, and
every picture uses the whole range. `output="tanh"` is Radford's ending.

w is z itself. There is no noise: noise modes change nothing. In training mode the normalisation is that of the batch;
`build` gives the network in evaluation mode, where it is the running one and each picture stands alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  its name everywhere

from models.generators import Scalar, Tap, identity
from models.generators.plain import drawn_in, fill

ARCHITECTURE = "dcgan"
DESCRIPTION = "DCGAN: transposed convolutions (Radford et al. 2016), with the sigmoid of Ahn et al.'s CAN"

LIMIT = 4.0  # the sigmoid's input lies in -LIMIT..LIMIT
REACH = 2 / (1 + math.exp(-LIMIT)) - 1  # so pictures lie in -REACH..REACH
OUTPUTS = ("mapped", "tanh")


@dataclass(frozen=True)
class Config:
    """`grid` is the side that the network paints, a power of two; `img_resolution` the side that it shows (0: the
    same). `channels` maps at the last hidden layer, twice as many at each layer before, at most `channel_max`.
    """

    z_dim: int = 100
    grid: int = 64
    img_resolution: int = 0
    channels: int = 64
    channel_max: int = 512
    output: str = "mapped"

    def __post_init__(self) -> None:
        if self.grid < 8 or self.grid & (self.grid - 1):
            raise ValueError(f"grid is a power of two from 8 on, not {self.grid}")
        object.__setattr__(self, "img_resolution", self.img_resolution or self.grid)
        if min(self.z_dim, self.img_resolution, self.channels, self.channel_max) < 1:
            raise ValueError("z_dim, img_resolution, channels and channel_max are at least 1")
        if self.output not in OUTPUTS:
            raise ValueError(f"output is one of {', '.join(OUTPUTS)}, not {self.output!r}")

    @property
    def widths(self) -> tuple[int, ...]:
        """The maps of each hidden layer, from 4 x 4 on."""
        hidden = self.grid.bit_length() - 3
        return tuple(min(self.channels << k, self.channel_max) for k in reversed(range(hidden)))


class DCGAN(nn.Module):
    """The network; `layers` are named by the side of their maps."""

    w_avg: Tensor
    architecture = ARCHITECTURE

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.settings = config
        self.z_dim = self.w_dim = config.z_dim
        self.c_dim, self.num_ws = 0, 1
        self.img_resolution, self.img_channels = config.img_resolution, 3
        self.compute_dtype = torch.float32
        ins, outs = (config.z_dim, *config.widths), (*config.widths, 3)
        self.convs = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, 1 if k == 0 else 2, 0 if k == 0 else 1, bias=k == len(config.widths))
            for k, (a, b) in enumerate(zip(ins, outs, strict=True))
        )
        self.norms = nn.ModuleList(normalisation(width) for width in config.widths)
        self.register_buffer("w_avg", torch.zeros(config.z_dim), persistent=False)
        self.layers = (*(f"b{4 << k}" for k in range(len(config.widths))), "image")
        start(self)

    @property
    def config(self) -> dict[str, Any]:
        """What `build` needs to make this network again."""
        return asdict(self.settings)

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
        """w [N, 1, z_dim] -> [N, 3, H, W] float32 in -1..1. "image" is tapped before the sigmoid or tanh, so every
        bend stays a picture. ValueError for an unknown noise mode.
        """
        if noise_mode not in ("const", "random", "none"):
            raise ValueError(f"noise_mode must be const, random or none, not {noise_mode!r}")
        picture = self.paint(w[:, 0], tap)
        shown = self.settings.img_resolution
        if shown == self.settings.grid:
            return picture
        return F.interpolate(picture, [shown, shown], mode="bicubic", align_corners=False).clamp(-1, 1)

    def paint(self, z: Tensor, tap: Tap = identity) -> Tensor:
        """z [N, z_dim] -> [N, 3, grid, grid] float32 in -1..1, which is what training sees."""
        x = z.to(self.compute_dtype)[:, :, None, None]
        *hidden, last = zip(self.layers, self.convs, strict=True)
        for (name, conv), norm in zip(hidden, self.norms, strict=True):
            x = tap(name, F.relu(self._normal(norm, _convolve(conv, x))))  # [N, C, side, side]
        x = _convolve(last[1], x).float()
        if self.settings.output == "tanh":
            return tap(last[0], x).tanh()
        return torch.sigmoid(tap(last[0], mapped(x))) * 2 - 1

    def _normal(self, norm: nn.Module, x: Tensor) -> Tensor:
        assert isinstance(norm, nn.BatchNorm2d)
        if self.training:
            normal: Tensor = norm(x)
            return normal
        assert norm.running_var is not None
        assert norm.running_mean is not None
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        shift = norm.bias - norm.running_mean * scale
        return torch.addcmul(shift.to(x.dtype)[:, None, None], x, scale.to(x.dtype)[:, None, None])


def mapped(x: Tensor, limit: float = LIMIT) -> Tensor:
    """[N, 3, H, W] -> the same, mapped linearly so that each picture lies in -limit..limit and touches both ends; a
    picture of one number is all 0.
    """
    low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
    return (x - (low + high) / 2) * (limit / ((high - low) / 2).clamp(min=1e-6))


def normalisation(width: int) -> nn.BatchNorm2d:
    """Batch normalisation whose state is floats alone, so that every tensor of a network can be blended."""
    norm = nn.BatchNorm2d(width)
    norm.num_batches_tracked = None
    norm.register_load_state_dict_pre_hook(_without_count)  # type: ignore[no-untyped-call]
    return norm


def _without_count(_: nn.Module, state: dict[str, Any], prefix: str, *__: Any) -> None:
    """Torch's own loading adds the count to states that come from a file, which say no version."""
    state.pop(f"{prefix}num_batches_tracked", None)


def start(network: nn.Module, rng: torch.Generator | None = None, smooth: bool = False) -> None:
    """Radford's beginning, in place: convolutions and linear layers N(0, 0.02), normalisations N(1, 0.02), no memory
    of any picture. `rng` draws it, else torch's own chance.

    `smooth`: transposed convolutions that double the side begin as mixes of channels, enlarged bilinearly. Then soft
    areas are there from the first picture, where independent numbers would begin as grain.
    """
    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(part.weight, 0.0, 0.02, rng)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
            if smooth and isinstance(part, nn.ConvTranspose2d) and part.stride[0] == 2:
                with torch.no_grad():
                    part.weight.copy_(part.weight[:, :, :1, :1] * _bilinear().to(part.weight))
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.weight, 1.0, 0.02, rng)
            nn.init.zeros_(part.bias)
            for number, at_first in ((part.running_mean, 0.0), (part.running_var, 1.0)):
                assert number is not None
                number.fill_(at_first)


def _bilinear() -> Tensor:
    """[4, 4]: a transposed convolution of stride 2 that enlarges bilinearly."""
    line = torch.tensor([0.25, 0.75, 0.75, 0.25])
    return torch.outer(line, line)


def _convolve(conv: nn.Module, x: Tensor) -> Tensor:
    """A transposed convolution, computed in the type of x."""
    assert isinstance(conv, nn.ConvTranspose2d)
    bias = None if conv.bias is None else conv.bias.to(x.dtype)
    return F.conv_transpose2d(x, conv.weight.to(x.dtype), bias, conv.stride, conv.padding)  # type: ignore[arg-type]


def build(config: Mapping[str, Any], tensors: Mapping[str, Tensor] | None = None) -> DCGAN:
    """A network from its configuration and weights; without weights, a random one for training.

    ValueError names settings that cannot be, and what is missing, foreign or of another shape.
    """
    network = DCGAN(Config(**config)).eval()
    if tensors is not None:
        fill(network, tensors, "DCGAN")
    return network
