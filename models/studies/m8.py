"""M8, the collapse guard: silent over a thousand slight bends, and not silent over a network that paints one picture.

Bends as a performer might set them up: any transform, any layer, all channels or some by chance, every knob anywhere in
its span, the amount below 0.2. The guard's home is the unbent network; each bent one is looked at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch

import models
from models import sheets
from models.bending.bender import Bender
from models.bending.slots import Features, Slot
from models.bending.transforms import transforms
from models.generators import Generator
from models.guard import Guard, fixed_latents, look, pictures_of
from models.knobs import Knob
from models.studies import Check, Run, true_in_all

ABOUT = "M8 collapse guard: no flag in 1,000 random bends below amount 0.2, a constant generator flagged at once"
SUBSTITUTE = ""
SETTINGS: Mapping[str, Any] = {"model": "first-light", "bends": 200, "amount": 0.2, "latents": 8}
SET_UP = (".amount", ".fraction", ".seed")  # knobs whose value the slot itself says


@torch.no_grad()
def run(seed: int, folder: Path, quick: bool) -> dict[str, Any]:
    """One seed's bends; 200 of the thousand."""
    network = models.load(SETTINGS["model"])
    home, rng = look(pictures_of(network, SETTINGS["latents"])), Random(seed)
    guard, flagged, least = Guard(home), Counter[str](), (1.0, "", torch.empty(0))
    count = 3 if quick else int(SETTINGS["bends"])
    w = network.map(fixed_latents(network.z_dim, SETTINGS["latents"]), truncation_psi=1.0)
    for _ in range(count):
        slot = bend(network, rng)
        bender = Bender([slot], network)
        bender.frame([value(knob, rng) for knob in bender.knobs])
        made = network.synthesize(w, tap=bender.tap, noise_mode="const")
        seen = look(made)
        flagged.update(f"{slot.transform} at {slot.layer}: {alarm}" for alarm in guard.judge(seen))
        share = seen.diversity / home.diversity
        if share < least[0]:
            least = (share, f"{slot.transform} at {slot.layer}", made[:4])
    constant = look(network.synthesize(w[:1].expand(len(w), -1, -1), noise_mode="const"))
    words = least[1] or "none"
    columns = [list(pictures_of(network)[:4]), list(least[2])] if len(least[2]) else [list(pictures_of(network)[:4])]
    sheets.grid(["home", words][: len(columns)], columns).resize((256 * len(columns), 1038)).save(folder / "least.png")
    return {
        "bends": count, "flagged": dict(flagged), "least_diversity": least[0],
        "least_at": words, "constant_flagged": "collapse" in guard.judge(constant),
        "pictures": {"home, and the bend that left the least diversity": "least.png"},
    }  # fmt: skip


def bend(network: Generator, rng: Random) -> Slot:
    """Any bend below the amount."""
    some = Features("random", rng.randrange(1000), rng.uniform(0.1, 1)) if rng.random() < 0.5 else Features()
    layer, transform = rng.choice(network.layers), rng.choice(sorted(transforms()))
    return Slot(layer, transform, some, rng.uniform(0, SETTINGS["amount"]))


def value(knob: Knob, rng: Random) -> float:
    """Anywhere in the knob's span, but for what the slot says."""
    return knob.default if knob.name.endswith(SET_UP) else rng.uniform(knob.low, knob.high)


def verdict(runs: Sequence[Run]) -> tuple[Check, ...]:
    """Silent, and not silent. M8 is the distance between pictures; what else the guard looks at is said beside it."""
    bends = sum(int(r["bends"]) for r in runs)
    said = Counter[str]()
    for run in runs:
        said.update(run["flagged"])
    collapses = sum(count for what, count in said.items() if what.endswith(": collapse"))
    others = [f"{what} ({count})" for what, count in said.items() if not what.endswith(": collapse")]
    least = min(runs, key=lambda r: float(r["least_diversity"]))
    found = f"{collapses} of {bends}; least diversity {least['least_diversity']:.2f} of home's ({least['least_at']})"
    return (
        Check(
            "flags of collapse in random bends below amount 0.2", "0 of 1000", found, collapses == 0 and bends >= 1000
        ),
        true_in_all(runs, "a constant generator is flagged at the first look", "constant_flagged"),
        Check("other alarms over the same bends", "told, no bound", "; ".join(others) or "none", True),
    )
