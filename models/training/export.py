"""From a training checkpoint to the weights that are shipped: G_ema in float16, with its card inside."""

from collections.abc import Sequence
from pathlib import Path

import torch

from models.checkpoints import io
from models.training import data
from models.training.recipe import Recipe
from models.training.state import resume


def export(recipe: Recipe, checkpoint: Path, out: Path, seeds: Sequence[int] = (), description: str = "") -> Path:
    """Write the averaged generator of a checkpoint to `out` (.safetensors) and give `out`.

    w_avg is measured anew over 10,000 latents (the running one lags behind the average's weights). `seeds`: landmarks
    for the card.
    """
    state = resume(recipe, checkpoint)
    network = state.average
    network.compute_dtype = torch.float32
    z = torch.stack([data.seed_z(1_000_000 + k, network.z_dim) for k in range(10_000)])
    with torch.no_grad():
        network.w_avg.copy_(network.map(z, truncation_psi=1.0)[:, 0].mean(0))
    card = {
        "description": description or recipe.description,
        "recipe": recipe.name,
        "seed": recipe.seed,
        "kimg": round(state.total / 1000, 1),
        "steps": state.steps,
        "licence": recipe.licence,
        "sources": dict(recipe.sources),
        "seeds": list(seeds),
    }
    io.save(out, network, card, half=True)
    return out
