"""The critic: a plain pyramid of convolutions with an RGB input at every size.

The input-skip discriminator of Karras et al. 2020 (StyleGAN2, figure 7b), with average pooling. Because each size has
its own RGB input, a larger block can be put before a trained pyramid with its output at zero: it then starts as
exactly the old network. For the same reason a smaller picture can enter at its own size.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  its name everywhere

ARCHITECTURE = "discriminator"  # in a safetensors file; nothing that can be played
GAIN = math.sqrt(2.0)


class Conv(nn.Module):
    """Convolution with equalised learning rate, bias and leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size).to(memory_format=torch.channels_last))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.gain = GAIN / math.sqrt(inputs * size * size)
        self.padding = size // 2

    def forward(self, x: Tensor) -> Tensor:
        """[N, I, H, W] -> [N, O, H, W]."""
        # The activation's gain goes into the weight: leaky ReLU is homogeneous.
        return F.leaky_relu_(F.conv2d(x, self.weight * self.gain, self.bias * GAIN, padding=self.padding), 0.2)


class Linear(nn.Module):
    """Fully connected, equalised learning rate."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.gain = 1 / math.sqrt(inputs)

    def forward(self, x: Tensor) -> Tensor:
        """[N, I] -> [N, O]."""
        return F.linear(x, self.weight * self.gain, self.bias)


class Discriminator(nn.Module):
    """Pictures [N, 3, H, W] in -1..1 -> logits [N, 1] (positive: real). `groups`: batch statistics over this many
    pictures.
    """

    architecture = ARCHITECTURE

    def __init__(self, resolution: int, channel_base: int = 2048, channel_max: int = 128, groups: int = 4) -> None:
        super().__init__()

        def width(r: int) -> int:
            return min(channel_base // r, channel_max)

        self.groups = groups
        self.config = {
            "resolution": resolution, "channel_base": channel_base, "channel_max": channel_max, "groups": groups,
        }  # fmt: skip
        self.resolutions = [1 << k for k in range(resolution.bit_length() - 1, 1, -1)]
        self.fromrgb = nn.ModuleDict({f"r{r}": Conv(3, width(r), 1) for r in self.resolutions})
        self.blocks = nn.ModuleDict(
            {
                f"r{r}": nn.ModuleList([Conv(width(r), width(r), 3), Conv(width(r), width(r // 2), 3)])
                for r in self.resolutions[:-1]
            }
        )
        self.last = Conv(width(4) + 1, width(4), 3)
        self.dense = Linear(width(4) * 16, width(4))
        self.out = Linear(width(4), 1)

    def forward(self, image: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, 1] float32; H is its resolution or, to enter further on, a halving of it down to 4."""
        first = self.resolutions.index(image.shape[2])
        x = self.fromrgb[f"r{self.resolutions[first]}"](image)
        for r in self.resolutions[first:-1]:
            before, after = self.blocks[f"r{r}"].children()
            x = after(F.avg_pool2d(before(x), 2))
            image = F.avg_pool2d(image, 2)
            x = x + self.fromrgb[f"r{r // 2}"](image)
        x = torch.cat([x, _batch_deviation(x, self.groups)], dim=1)
        x = F.leaky_relu(self.dense(self.last(x).flatten(1)), 0.2) * GAIN
        return torch.as_tensor(self.out(x)).float()


def _batch_deviation(x: Tensor, groups: int) -> Tensor:
    """[N, 1, H, W]: the mean standard deviation over groups of pictures (Karras et al. 2018, minibatch standard
    deviation).
    """
    n, _, height, width = x.shape
    size = groups if n % groups == 0 else n
    y = x.float().reshape(size, n // size, -1)
    y = (y.var(dim=0, unbiased=False) + 1e-8).sqrt().mean(dim=1)  # [n // size]
    return y.repeat(size).view(n, 1, 1, 1).expand(n, 1, height, width).to(x.dtype)


def grow(small: Mapping[str, Tensor], resolution: int, **widths: Any) -> Discriminator:
    """A discriminator for larger pictures that starts as exactly the small one (on pictures averaged down to its
    size).
    """
    network = Discriminator(resolution, **widths)
    network.load_state_dict(small, strict=False)
    for name, block in network.blocks.items():
        if f"blocks.{name}.0.weight" not in small:
            nn.init.zeros_(block[1].weight)  # type: ignore[index]
    return network
