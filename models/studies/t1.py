"""T1, cross-domain training: fitted on discs, taught further on stars, and half way there is something that is neither.

A classifier that knows only drawn discs and stars judges every saved state of the trajectory on the same latents. The
true hybrid is a state whose mean P(star) lies in 0.35..0.65 and whose single pictures are undecided too (their median
in 0.2..0.8): not a mixture of discs and stars.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.checkpoints import io
from models.generators import Generator
from models.judging.classifier import chances
from models.judging.rank import spearman
from models.studies import Check, Run, at_least, parents, true_in_all
from models.tuning.trajectory import Reader, fingerprint

ABOUT = "T1 cross-domain training: how star-like a network of discs becomes on its way, and the hybrid between"
SUBSTITUTE = "discs and stars drawn by program, 32x32, for two sets of photographs"
SETTINGS: Mapping[str, Any] = {"parent": parents.SETTINGS, "further": parents.FURTHER, "latents": 200}
MEAN = (0.35, 0.65)
MEDIAN = (0.2, 0.8)
SHOWN = 9  # states in the strip


def run(seed: int, folder: Path, quick: bool) -> dict[str, Any]:
    """One network of discs, taught on stars."""
    parent = parents.taught(folder, "circle", seed, quick)
    made = parents.taught_further(folder, seed, quick)
    judge, sure = parents.judge(seed, quick)
    reader, network = Reader(made), parent.generator()
    count = 20 if quick else int(SETTINGS["latents"])
    said, exact = [], True
    for place in range(len(reader.steps)):
        state = reader.state(place)
        said.append(chances(judge, pictures_at(network, state, count))[:, 1])
        exact = exact and fingerprint(dict(network.state_dict())) == reader.places[place].sha256
    means, medians = [float(p.mean()) for p in said], [float(p.median()) for p in said]
    best = min(range(len(said)), key=lambda k: abs(means[k] - 0.5) + abs(medians[k] - 0.5))
    strip = _strip(folder, reader, network)
    return {
        "judge_accuracy": sure, "steps": list(reader.steps), "p_star": means, "p_star_median": medians,
        "spearman": spearman(reader.steps, means), "hybrid_step": reader.steps[best], "hybrid_mean": means[best],
        "hybrid_median": medians[best], "hybrid": is_hybrid(means[best], medians[best]),
        "exact": exact and last_is_shipped(reader, made.parent),
        "pictures": {"the same eight latents, step by step": strip},
    }  # fmt: skip


def is_hybrid(average: float, median: float) -> bool:
    """Whether a state with these P(star) is a true hybrid."""
    return MEAN[0] <= average <= MEAN[1] and MEDIAN[0] <= median <= MEDIAN[1]


def pictures_at(network: Generator, state: Mapping[str, Tensor], count: int) -> Tensor:
    """The fixed latents' pictures with a saved state."""
    assert isinstance(network, torch.nn.Module)
    network.load_state_dict(state)
    return parents.painted(network, count)


def last_is_shipped(reader: Reader, run_folder: Path) -> bool:
    """Whether the trajectory's end is the network that the run left, bit for bit."""
    left = io.read(run_folder / "cross-domain.safetensors")[1]
    end = reader.state(len(reader.steps) - 1)
    return all(torch.equal(tensor, left[name]) for name, tensor in end.items() if name in left)


def _strip(folder: Path, reader: Reader, network: Generator) -> str:
    last = len(reader.steps) - 1
    chosen = sorted({round(k * last / (SHOWN - 1)) for k in range(SHOWN)})
    columns = [pictures_at(network, reader.state(k), 8) for k in chosen]
    return parents.strip(folder / "strip.png", [str(reader.steps[k]) for k in chosen], columns)


def verdict(runs: Sequence[Run]) -> tuple[Check, ...]:
    """Monotone, with a hybrid on the way, and every saved state comes back bit for bit."""
    middles = ", ".join(f"step {r['hybrid_step']}: {r['hybrid_mean']:.2f}/{r['hybrid_median']:.2f}" for r in runs)
    passed = sum(bool(r["hybrid"]) for r in runs)
    return (
        at_least(runs, "Spearman of mean P(star) against the step", "spearman", 0.9),
        Check(
            "a true hybrid: mean P(star) / median over pictures", "0.35 to 0.65 / 0.2 to 0.8",
            f"{middles}; {passed} of {len(runs)}", passed == len(runs),
        ),
        true_in_all(runs, "saved states are exact when scrubbed to", "exact"),
        at_least(runs, "the independent classifier on pictures it never saw, accuracy", "judge_accuracy", 0.95),
    )  # fmt: skip
