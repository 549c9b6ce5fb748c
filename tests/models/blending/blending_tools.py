"""Small families of networks for the tests of blending."""

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from models.blending.blend import Blend
from models.blending.relatives import Relative
from models.generators import Generator, build
from models.resident import Resident

SMALL: dict[str, Any] = {
    "z_dim": 16, "w_dim": 16, "img_resolution": 32, "channel_base": 256, "channel_max": 12, "mapping_layers": 2,
}  # fmt: skip


def small(seed: int = 0, **changes: Any) -> Generator:
    """A random StyleGAN2 of 32 x 32 without gradients, noise and biases on, and a w_avg."""
    torch.manual_seed(seed)
    network = build("stylegan2", {**SMALL, **changes})
    assert isinstance(network, torch.nn.Module)
    network.eval().requires_grad_(False)
    for name, weight in network.named_parameters():
        if name.endswith(("bias", "noise_strength")) and "affine" not in name:
            weight.copy_(torch.randn(weight.shape) * 0.2)
    network.w_avg.copy_(torch.randn(network.w_dim) * 0.1)
    return network


def tensors(network: Generator) -> dict[str, Tensor]:
    """A copy of its weights."""
    return {name: t.detach().clone() for name, t in network.state_dict().items()}


def child(of: Mapping[str, Tensor], seed: int, amount: float = 0.5, noise: bool = True) -> dict[str, Tensor]:
    """A relative: the same weights gone some way in a random direction, with some negative zeros in it."""
    rng = torch.Generator().manual_seed(seed)
    made = {}
    for name, t in of.items():
        scale = t.std() if t.numel() > 1 else t.abs()
        step = torch.randn(t.shape, generator=rng) * (scale + 0.01) * amount
        made[name] = t + step if noise or not name.endswith("noise_const") else t.clone()
        made[name][(0,) * t.ndim] = -0.0
    return made


def family(count: int = 1, **changes: Any) -> tuple[Generator, Resident, list[dict[str, Tensor]]]:
    """A network that plays, its live weights, and the weights of it and `count` relatives."""
    network = small(**changes)
    parents = [tensors(network)]
    parents += [child(parents[0], seed) for seed in range(1, count + 1)]
    return network, Resident(network), parents


def blend_of(network: Generator, resident: Resident, parents: list[dict[str, Tensor]]) -> Blend:
    return Blend(resident, network, [Relative(f"relative {k}", one) for k, one in enumerate(parents[1:], 1)])


def bits(t: Tensor) -> bytes:
    """The very numbers, -0.0 apart from 0.0."""
    return t.detach().contiguous().numpy().tobytes()


def is_parent(resident: Resident, parent: Mapping[str, Tensor]) -> bool:
    """Whether the live weights are this parent's, bit for bit."""
    return all(bits(resident.live(name)) == bits(parent[name]) for name in resident.names)


def digest(weights: Mapping[str, Tensor]) -> str:
    """A hash of all numbers."""
    total = hashlib.sha256()
    for t in weights.values():
        total.update(bits(t))
    return total.hexdigest()


def latent(network: Generator, seed: int = 0) -> Tensor:
    """w of one seed, [1, num_ws, w_dim]."""
    return network.map(torch.randn(1, network.z_dim, generator=torch.Generator().manual_seed(seed)))
