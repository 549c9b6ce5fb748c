"""T4, loss hacking: a generator descends what its own frozen critic praises, with no picture opened.

Every saved state is judged on the same latents: the critic's mean logit must fall, by at least three of its own
deviations at the start, while the critic stays bit for bit what it was. `models.tuning.peak.find_peak` chooses the
moment: the most diverged state with half of home's diversity. This form of the loss ("fake") comes to rest once the
critic is sure; the collapse that is to be seen in the end is that of the other form ("negated").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.generators import Generator
from models.guard import look
from models.judging.distances import features, frechet
from models.judging.rank import spearman
from models.studies import Check, Run, at_least, at_most, over_seeds, parents, true_in_all
from models.studies.t1 import pictures_at
from models.training import critics
from models.training.recipes.loss_hack import RECIPE
from models.training.run import Result
from models.training.run import run as train
from models.tuning.peak import find_peak
from models.tuning.trajectory import Reader, fingerprint

ABOUT = "T4 loss hacking: a network unlearns what its frozen critic takes for real, up to a peak and into collapse"
SUBSTITUTE = "discs drawn by program, 32x32, for photographs of faces"
SETTINGS: Mapping[str, Any] = {
    "parent": parents.SETTINGS, "steps": 300, "record_every": 10, "latents": 200, "compared": 600,
    "options": {"learning_rate": 0.0005, "mapping": False}, "on": {"steps": 500, "options": {"form": "negated"}},
}  # fmt: skip
SHOWN = 9


def run(seed: int, folder: Path, quick: bool) -> dict[str, Any]:
    """One network of discs against its own critic."""
    parent = parents.taught(folder, "circle", seed, quick)
    compared = 40 if quick else int(SETTINGS["compared"])
    before = fingerprint(critics.load(parent.critic).state_dict())
    made = hacked(folder / "run", parent, seed, quick, SETTINGS["steps"], SETTINGS["options"])
    after = fingerprint(critics.load(made.folder / f"{RECIPE.name}{critics.SUFFIX}").state_dict())
    reader, network, critic = Reader(made.trajectory), parent.generator(), critics.load(parent.critic)
    seen = states(reader, network, quick)
    logits = [judged(critic, pictures) for pictures in seen]
    means, sigma = [float(said.mean()) for said in logits], float(logits[0].std())
    spread = [look(pictures).diversity for pictures in seen]
    peak = find_peak(made.trajectory)
    real = features(parents.real("circle", compared, seed))
    away = [frechet(real, features(pictures_at(network, reader.state(k), compared))) for k in (0, peak)]
    strip = _strip(folder / "strip.png", reader, seen, peak)
    fallen, on = collapsed(folder, parent, seed, quick)
    return {
        "steps": list(reader.steps), "logit": means, "sigma": sigma, "spearman": spearman(reader.steps, means),
        "fall": (means[0] - means[-1]) / sigma, "critic_unchanged": before == after, "diversity": spread,
        "peak_step": reader.steps[peak], "peak_diversity": spread[peak] / spread[0],
        "peak_found": peak > 0, "distance_home": away[0], "distance_peak": away[1],
        "further": away[1] / away[0], "end_diversity": min(spread) / spread[0], **fallen,
        "pictures": {"the same eight latents, step by step; the peak is marked *": strip,
                     "the loss negated: a peak, and collapse": on},
    }  # fmt: skip


def hacked(
    folder: Path, parent: parents.Trained, seed: int, quick: bool, steps: int, options: Mapping[str, Any]
) -> Result:
    """The parent, trained against its own critic into `folder`."""
    return train(
        replace(parents.still(RECIPE), record_every=2 if quick else SETTINGS["record_every"]), folder,
        parent=parent.network, critic=parent.critic, seed=seed, steps=6 if quick else steps, resolution=parents.SIZE,
        batch=parents.number("batch", quick), options=options, progress=False,
    )  # fmt: skip


def states(reader: Reader, network: Generator, quick: bool) -> list[Tensor]:
    """The same latents' pictures in every saved state."""
    count = 20 if quick else int(SETTINGS["latents"])
    return [pictures_at(network, reader.state(place), count) for place in range(len(reader.steps))]


def collapsed(folder: Path, parent: parents.Trained, seed: int, quick: bool) -> tuple[dict[str, Any], str]:
    """The same network with the loss negated, until its pictures are one: how diverse its states are, and a strip."""
    asked = SETTINGS["on"]
    made = hacked(folder / "negated", parent, seed, quick, asked["steps"], SETTINGS["options"] | asked["options"])
    reader = Reader(made.trajectory)
    seen = states(reader, parent.generator(), quick)
    spread = [look(pictures).diversity for pictures in seen]
    strip = _strip(folder / "negated.png", reader, seen, find_peak(made.trajectory))
    return {"negated_diversity": spread, "negated_end_diversity": spread[-1] / spread[0]}, strip


@torch.no_grad()
def judged(critic: torch.nn.Module, pictures: Tensor) -> Tensor:
    """The critic's logits of pictures, [N]; always in the same batches, for it looks at a batch together."""
    return torch.cat([critic(part)[:, 0] for part in torch.split(pictures, 20)])


def _strip(path: Path, reader: Reader, seen: Sequence[Tensor], peak: int) -> str:
    last = len(seen) - 1
    chosen = sorted({round(k * last / (SHOWN - 1)) for k in range(SHOWN)} | {peak})
    words = [f"{reader.steps[k]}{'*' if k == peak else ''}" for k in chosen]
    return parents.strip(path, words, [seen[k][:8] for k in chosen])


def verdict(runs: Sequence[Run]) -> tuple[Check, ...]:
    """Falls, and nothing but the generator moves."""
    return (
        at_most(runs, "Spearman of the critic's mean logit against the step", "spearman", -0.9),
        at_least(runs, "the logit falls, in deviations at the start", "fall", 3.0),
        true_in_all(runs, "the frozen critic's hash is unchanged", "critic_unchanged"),
        true_in_all(runs, "a peak is found beyond the start", "peak_found"),
        at_least(runs, "diversity at the peak, of home's", "peak_diversity", 0.5),
        at_least(runs, "local FID to the discs at the peak, of home's", "further", 3.0),
        over_seeds(
            runs, "collapse is seen in the end, the loss negated: diversity, of home's", "< 0.2",
            lambda run: float(run["negated_end_diversity"]), lambda share: share < 0.2,
        ),
    )  # fmt: skip
