"""Maps and small networks shared by the tests of bending."""

import torch
from torch import Tensor

from models.generators import Generator, build

SMALL = {"z_dim": 16, "w_dim": 16, "img_resolution": 32, "channel_base": 512, "channel_max": 16, "mapping_layers": 2}


def maps(n: int = 2, c: int = 5, h: int = 12, w: int = 18, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    """Channels-last maps with runs of equal values and both signs, as activations have them."""
    x = torch.randn(n, c, h, w, generator=torch.Generator().manual_seed(seed)) * 1.5
    x = torch.where(x < -0.5, x * 0.2, x)
    return x.to(dtype).contiguous(memory_format=torch.channels_last)


def small(seed: int = 0, **changes: object) -> Generator:
    """A random StyleGAN2 of 32 x 32 without gradients, noise and biases on."""
    torch.manual_seed(seed)
    network = build("stylegan2", {**SMALL, **changes})
    assert isinstance(network, torch.nn.Module)
    network.eval().requires_grad_(False)
    for name, weight in network.named_parameters():
        if name.endswith(("bias", "noise_strength")) and "affine" not in name:
            weight.copy_(torch.randn(weight.shape) * 0.2)
    return network


def latent(network: Generator, seed: int = 0) -> Tensor:
    """w of one seed, [1, num_ws, w_dim]."""
    return network.map(torch.randn(1, network.z_dim, generator=torch.Generator().manual_seed(seed)))
