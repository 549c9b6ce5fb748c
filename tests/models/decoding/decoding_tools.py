"""A small network and its statistics, shared by the tests of decoding."""

from functools import cache

import torch
from torch import Tensor

from models.decoding.statistics import Statistics, gather
from models.generators import Generator, build

SMALL = {"z_dim": 16, "w_dim": 16, "img_resolution": 32, "channel_base": 512, "channel_max": 24, "mapping_layers": 2}
VAE = {"z_dim": 8, "widths": [40, 30, 24]}


def small(seed: int = 0) -> Generator:
    """A random StyleGAN2 of 32 x 32 without gradients, biases on."""
    torch.manual_seed(seed)
    network = build("stylegan2", SMALL)
    assert isinstance(network, torch.nn.Module)
    network.eval().requires_grad_(False)
    for name, weight in network.named_parameters():
        if name.endswith("bias") and "affine" not in name:
            weight.copy_(torch.randn(weight.shape) * 0.2)
    return network


def autoencoder(seed: int = 0) -> Generator:
    """A random VAE without gradients, some of its neurons rarely active."""
    torch.manual_seed(seed)
    network = build("vae", VAE)
    assert isinstance(network, torch.nn.Module)
    network.requires_grad_(False)
    for name, weight in network.named_parameters():
        if name.startswith("decoder") and weight.ndim == 1 and len(weight) < 100:
            weight.copy_(torch.randn(weight.shape) * 0.5 - 0.3)
    return network


@cache
def known(kind: str) -> tuple[Generator, Statistics]:
    """A network and what was gathered of it; not to be changed."""
    network = small() if kind == "stylegan2" else autoencoder()
    with torch.no_grad():
        return network, gather(network, samples=48)


def latent(network: Generator, seed: int = 0, count: int = 1) -> Tensor:
    """w of random z, [count, num_ws, w_dim]."""
    z = torch.randn(count, network.z_dim, generator=torch.Generator().manual_seed(seed))
    return network.map(z, truncation_psi=0.7)
