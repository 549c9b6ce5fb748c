"""N5, a remedy against collapse: minibatch discrimination spreads the pictures of a GAN.

The same GAN on eight drawn styles is trained twice from one seed, with and without (Salimans et al. 2016, which Ahn et
al. name). A GAN swings, so its diversity is not read at one moment but every so many steps over the second half of the
training, and averaged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from models.guard import look
from models.studies import Check, Run, at_least
from models.studies.stepping import Pictures, begin
from models.training.inspirations import styles
from models.training.recipes.can import RECIPE
from models.training.sheets import grid

ABOUT = "N5 minibatch discrimination: a GAN whose critic compares pictures paints more different ones"
SUBSTITUTE = "eight families of ornament drawn by program, 16x16, for WikiArt"
SETTINGS: Mapping[str, Any] = {
    "size": 16, "batch": 16, "each": 100, "steps": 320, "every": 40, "latents": 200, "minibatch": 16,
    "options": {"channels": 16, "ema": 50.0},
}  # fmt: skip
SHOWN = 24


def run(seed: int, folder: Path, quick: bool) -> dict[str, Any]:
    """Both trainings of one seed."""
    few = {"each": 4, "steps": 4, "every": 1}
    number = {**SETTINGS, **(few if quick else {})}
    pictures, labels = styles.bank(number["each"], number["size"], seed)
    data, means, shown = Pictures(pictures, labels, styles.NAMES), {}, []
    for name, projections in (("without", 0), ("with", number["minibatch"])):
        training = begin(
            RECIPE, seed, number["size"], number["batch"], data, parent_steps=number["steps"], minibatch=projections,
            **number["options"],
        )  # fmt: skip
        z = torch.randn(
            [number["latents"], training.method.z_dim], generator=torch.Generator().manual_seed(77)
        )  # fmt: skip
        seen = []
        for _ in range(number["steps"] // number["every"]):
            training.advance(number["every"])
            seen.append(look(training.method.pictures(z)).diversity)
        later = seen[len(seen) // 2 :]
        means[name] = sum(later) / len(later)
        shown.append(training.method.pictures(z[:SHOWN]))
    grid(torch.cat(shown), 4, SHOWN // 2).save(folder / "sheet.png")
    return {
        "diversity": means, "ratio": means["with"] / means["without"],
        "pictures": {"two rows without minibatch discrimination, two with it": "sheet.png"},
    }  # fmt: skip


def verdict(runs: Sequence[Run]) -> tuple[Check, ...]:
    """More different pictures in every training."""
    return (at_least(runs, "diversity with minibatch discrimination, of that without", "ratio", 1.2),)
