"""The plan of a StyleGAN2: what a checkpoint says about sizes and architecture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """What a StyleGAN2 is made of.

    `architecture`: "skip" (each resolution adds to the picture), "resnet" (residual blocks, one RGB layer at the end)
    or "orig" (neither). Feature maps at a resolution: `channels` by its name ({"4": 512, ...}), or where that is None
    min(channel_base // resolution, channel_max). `init_size` is the height and width of the constant; the picture is
    img_resolution / 4 times that, so other shapes than [4, 4] give rectangular pictures, and resolutions are names.
    `mapping_lr` is the learning-rate multiplier of the mapping's layers, which scales their weights.

    `img_offset` is added to the finished picture. The sum of RGB layers is padded with zeros where it is enlarged;
    for a network of dark pictures -1 makes that padding black instead of grey, which shows as a pale frame. NVIDIA's
    networks have 0.
    """

    z_dim: int = 512
    w_dim: int = 512
    c_dim: int = 0
    img_resolution: int = 256
    img_channels: int = 3
    channel_base: int = 32768
    channel_max: int = 512
    mapping_layers: int = 8
    mapping_lr: float = 0.01
    architecture: str = "skip"
    channels: Mapping[str, int] | None = None
    init_size: Sequence[int] = (4, 4)
    conv_clamp: float | None = None
    img_offset: float = 0.0

    def __post_init__(self) -> None:
        if self.architecture not in ("skip", "resnet", "orig"):
            raise ValueError(f"architecture must be skip, resnet or orig, not {self.architecture!r}")
        if len(self.init_size) != 2 or min(self.init_size) < 1:
            raise ValueError(f"init_size must be [height, width] of the constant, not {self.init_size!r}")

    def width(self, resolution: int) -> int:
        """Feature maps at this resolution; ValueError if `channels` does not say."""
        if self.channels is None:
            return min(self.channel_base // resolution, self.channel_max)
        if str(resolution) not in self.channels:
            raise ValueError(f"channels says nothing of resolution {resolution}")
        return self.channels[str(resolution)]

    def size(self, resolution: int) -> tuple[int, int]:
        """Height and width of the maps that bear this resolution's name."""
        return self.init_size[0] * resolution // 4, self.init_size[1] * resolution // 4

    def has_rgb(self, resolution: int) -> bool:
        """Whether this resolution has an RGB layer."""
        return self.architecture == "skip" or resolution == self.img_resolution

    @property
    def resolutions(self) -> tuple[int, ...]:
        """4, 8, ... up to the picture's; ValueError if that is not a power of two from 4 up."""
        top = self.img_resolution.bit_length() - 1
        if self.img_resolution != 1 << top or top < 2:
            raise ValueError(f"img_resolution must be a power of two >= 4, not {self.img_resolution}")
        return tuple(1 << k for k in range(2, top + 1))
