"""A training run between two steps, begun, grown, saved and read again.

Everything that the next step depends on is in `State` and goes into `checkpoint.pt`, which is written beside and then
renamed: a run may be killed at any moment, and continues with the same numbers. Loading uses torch's weights-only
reader.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.generators.style_modulated.config import Config
from models.generators.stylegan2 import StyleGAN2
from models.training.discriminator import Discriminator, grow
from models.training.recipe import Recipe

NETWORKS = ("generator", "discriminator", "average")
OPTIMISERS = ("g_optimiser", "d_optimiser")
COUNTERS = ("stage", "seen", "total", "steps")


@dataclass
class State:
    """A run between two steps."""

    generator: StyleGAN2
    discriminator: Discriminator
    average: StyleGAN2  # G_ema, the network that is shipped
    g_optimiser: torch.optim.Adam
    d_optimiser: torch.optim.Adam
    rng: torch.Generator
    stage: int = 0
    seen: int = 0  # pictures shown in this stage
    total: int = 0  # pictures shown in all
    steps: int = 0


def begin(recipe: Recipe, stage: int = 0, before: "State | None" = None, bf16: bool = False) -> State:
    """A fresh state for a stage; with `before`, its networks carry over and the new blocks start without effect."""
    torch.manual_seed(recipe.seed + stage)
    resolution = recipe.stages[stage].resolution
    config = Config(**{**recipe.generator, "img_resolution": resolution})
    networks = [StyleGAN2(config), StyleGAN2(config)]
    if before is None:
        discriminator = Discriminator(resolution, **recipe.discriminator)
        networks[1].load_state_dict(networks[0].state_dict())
    else:
        discriminator = grow(before.discriminator.state_dict(), resolution, **recipe.discriminator)
        fresh = networks[0].state_dict()
        for network, old in zip(networks, (before.generator, before.average), strict=True):
            known = old.state_dict()
            start = {n: torch.zeros_like(t) if n.endswith("torgb.weight") else t for n, t in fresh.items()}
            network.load_state_dict({**start, **known})
    generator, average = networks
    average.eval().requires_grad_(False)
    for network in networks:
        network.compute_dtype = torch.bfloat16 if bf16 else torch.float32
    rng = torch.Generator().manual_seed(recipe.seed + 1000 + stage)
    # Adam's betas are stretched for lazy regularisation as in StyleGAN2: D takes r1_every + 1 steps where it would
    # take r1_every.
    ratio = recipe.r1_every / (recipe.r1_every + 1)
    named = list(generator.named_parameters())
    noise = [p for n, p in named if n.endswith("noise_strength")]
    others = [p for n, p in named if not n.endswith("noise_strength")]
    groups: list[dict[str, Any]] = [
        {"params": others},
        {"params": noise, "lr": recipe.learning_rate * recipe.noise_rate},
    ]
    g_optimiser = torch.optim.Adam(groups, lr=recipe.learning_rate, betas=(0.0, 0.99), eps=1e-8, fused=True)
    d_optimiser = torch.optim.Adam(
        discriminator.parameters(), lr=recipe.learning_rate * ratio, betas=(0.0, 0.99**ratio), eps=1e-8, fused=True
    )
    total, steps = (0, 0) if before is None else (before.total, before.steps)
    return State(generator, discriminator, average, g_optimiser, d_optimiser, rng, stage, 0, total, steps)


def save(state: State, path: Path) -> None:
    """Write the state to a file beside, then rename it over: there is always one whole checkpoint."""
    parts: dict[str, Any] = {n: getattr(state, n).state_dict() for n in NETWORKS + OPTIMISERS}
    parts |= {"rng": state.rng.get_state(), **{n: getattr(state, n) for n in COUNTERS}}
    beside = path.with_suffix(".part")
    torch.save(parts, beside)
    beside.replace(path)


def resume(recipe: Recipe, path: Path, bf16: bool = False) -> State:
    """The state that `save` wrote."""
    parts: Mapping[str, Any] = torch.load(path, weights_only=True)
    state = begin(recipe, int(parts["stage"]), bf16=bf16)
    for name in NETWORKS + OPTIMISERS:
        part: nn.Module | torch.optim.Adam = getattr(state, name)
        part.load_state_dict(parts[name])
    state.rng.set_state(parts["rng"])
    for name in COUNTERS:
        setattr(state, name, int(parts[name]))
    return state
