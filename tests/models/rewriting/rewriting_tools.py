"""Small networks, their hashes, and glitches done to them."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.checkpoints.io import load
from models.generators import Generator, build
from models.resident import Resident
from models.rewriting.glitch import Glitch
from models.rewriting.rewriter import Rewriter

SMALL: dict[str, Any] = {"z_dim": 16, "w_dim": 16, "channel_base": 512, "channel_max": 16, "mapping_layers": 2}
TINY = ("stylegan2", {**SMALL, "channel_max": 8, "img_resolution": 8})
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "skip": ("stylegan2", {**SMALL, "img_resolution": 32}),
    "resnet": ("stylegan2", {**SMALL, "img_resolution": 32, "architecture": "resnet"}),
    "stylegan3": ("stylegan3", {**SMALL, "img_resolution": 16, "num_layers": 4, "num_critical": 1}),
}


def network(kind: str = "skip", seed: int = 0) -> Generator:
    """A random network without gradients, noise and biases on."""
    torch.manual_seed(seed)
    made = build(*(TINY if kind == "tiny" else KINDS[kind]))
    assert isinstance(made, torch.nn.Module)
    made.eval().requires_grad_(False)
    for name, weight in made.named_parameters():
        if name.endswith(("bias", "noise_strength")) and "affine" not in name:
            weight.copy_(torch.randn(weight.shape) * 0.2)
    return made


@cache
def first_light() -> Generator:
    """The network that is shipped."""
    return load(Path(__file__).resolve().parents[3] / "models/weights/first-light.safetensors")


def latents(generator: Generator, count: int = 1, seed: int = 0) -> Tensor:
    """w of some seeds, [count, num_ws, w_dim]."""
    rng = torch.Generator().manual_seed(seed)
    return generator.map(torch.randn(count, generator.z_dim, generator=rng))


def hashed(generator: Generator) -> str:
    """Of every bit of every tensor."""
    whole = hashlib.sha256()
    for name, tensor in generator.state_dict().items():
        whole.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return whole.hexdigest()


class Bench:
    """A network with a rewriter alone on its weights."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self.resident = Resident(generator)
        self.rewriter = Rewriter(generator, self.resident)
        self.parent = {name: tensor.clone() for name, tensor in generator.state_dict().items()}

    def play(self, *glitches: Glitch, divergence: float = 1.0) -> int:
        """Do it; the number of tensors written."""
        self.rewriter.frame(glitches, divergence)
        return self.resident.update([self.rewriter])

    def changed(self) -> dict[str, Tensor]:
        """By name, what differs from the parent, as masks."""
        now = self.generator.state_dict()
        masks = {name: now[name] != tensor for name, tensor in self.parent.items()}
        return {name: mask for name, mask in masks.items() if bool(mask.any())}
