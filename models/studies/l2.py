"""L2, weight interpolation: half way between relatives there is a network, half way between strangers there is none.

Two pairs for each seed. Relatives: a network of discs, and the same network taught further on stars. Strangers: that
network of discs, and another seed's relative (the same pictures, steps and size from another beginning). Both pairs are
blended at alpha 0.5; a plain classifier tells the blend's pictures from real ones, discs and stars alike, by the
features of the first network's own critic. The nearer its area under the curve to 0.5, the more realistic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.generators import Generator
from models.judging.realism import auc, last_features
from models.studies import Check, Run, over_seeds, parents
from models.training import critics
from models.tuning.trajectory import Reader

ABOUT = "L2 blending weights: half way between relatives and half way between strangers"
SUBSTITUTE = "discs and stars drawn by program, 32x32, for photographs; a critic's features for people's eyes"
SEEDS = 5  # the stranger of the last seed is the first one's relative
SETTINGS: Mapping[str, Any] = {
    "parent": parents.SETTINGS, "further": parents.FURTHER, "alpha": 0.5, "compared": 1000, "seeds": SEEDS,
}  # fmt: skip


def run(seed: int, folder: Path, quick: bool) -> dict[str, Any]:
    """Blends of one network with its relative and with a stranger."""
    first = parents.taught(folder, "circle", seed, quick)
    network, home = first.generator(), _weights(first.generator())
    relative, stranger = (_end(folder, other, quick) for other in (seed, (seed + 1) % SEEDS))
    count = 40 if quick else int(SETTINGS["compared"])
    eye = last_features(critics.load(first.critic))
    real = eye(torch.cat([parents.real(kind, count // 2, seed) for kind in ("circle", "star")]))
    shown, found = {}, {}
    for name, weights in (
        ("first", home), ("relative", relative), ("stranger", stranger),
        ("blend_of_relatives", half_way(home, relative)), ("blend_of_strangers", half_way(home, stranger)),
    ):  # fmt: skip
        _put(network, weights)
        shown[name] = parents.painted(network, 8)
        found[name] = auc(real, eye(parents.painted(network, count)), seed)
    strip = parents.strip(folder / "blends.png", [name.replace("_", " ") for name in shown], list(shown.values()), 3)
    return {"auc": found, "margin": found["blend_of_strangers"] - found["blend_of_relatives"],
            "pictures": {"eight latents of the three networks and of the two blends": strip}}  # fmt: skip


def half_way(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """(1 - alpha) of one + alpha of the other at alpha 0.5, over all parameters and buffers."""
    return {name: 0.5 * tensor + 0.5 * other[name] for name, tensor in one.items()}


def _weights(network: Generator) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def _put(network: Generator, weights: Mapping[str, Tensor]) -> None:
    assert isinstance(network, torch.nn.Module)
    network.load_state_dict(weights)


def _end(folder: Path, seed: int, quick: bool) -> dict[str, Tensor]:
    """The last state of a seed's way from discs to stars."""
    reader = Reader(parents.taught_further(folder, seed, quick))
    return dict(reader.state(len(reader.steps) - 1))


def verdict(runs: Sequence[Run]) -> tuple[Check, ...]:
    """More realistic in every seed."""
    return (
        over_seeds(
            runs, "area under the curve: blend of strangers - blend of relatives", "> 0", _margin, lambda m: m > 0
        ),
        over_seeds(runs, "area of the blend of relatives (0.5: not told apart)", "(said)", _related, lambda _: True),
        over_seeds(runs, "area of the blend of strangers", "(said)", _strange, lambda _: True),
    )


def _margin(run: Run) -> float:
    return float(run["margin"])


def _related(run: Run) -> float:
    return float(run["auc"]["blend_of_relatives"])


def _strange(run: Run) -> float:
    return float(run["auc"]["blend_of_strangers"])
