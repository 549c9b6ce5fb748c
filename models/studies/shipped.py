"""The shipped models beside their own data: is each relative nearer to what it was taught than first-light is to its?

Pictures that no network was taught with are drawn anew for each seed, as many as the network paints, and both go
through the same extractor. The relatives learned pictures with known numbers, first-light learned crops of photographs:
a lower distance says that a relative knows its subject better, not that its subject is the better one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from torch import Tensor

import models
from models.checkpoints import io
from models.generators import Generator
from models.judging.classifier import Classifier, train_classifier
from models.judging.distances import EXTRACTOR, features, frechet, kid
from models.studies import Check, Run, parents
from models.training.data import Scene, bank, seed_z, to_signed
from models.training.inspirations import families, scene
from models.training.recipes.first_light import Scenes

ABOUT = "shipped models: distance to their own data beside that of first-light to its own"
CLASSIFIER = "a classifier of ours, taught on real pictures to tell the models' data apart (METHODS M9)"
SUBSTITUTE = (
    f"local FID and local KID for those of an Inception network; extractor: {CLASSIFIER}; beside it {EXTRACTOR}"
)
ANCESTOR = "first-light"
SETTINGS: Mapping[str, Any] = {
    "pictures": 250, "size": 64, "extractor": EXTRACTOR, "kernel": "(x.y / F + 1)^3", "lesson": 150, "steps": 600,
}  # fmt: skip
LESSON = 60_000  # the seed of the pictures that the classifier is taught with
RESOLUTION = 256  # of the shipped models, and of what they were taught
HELD_OUT = 70_000  # seeds of pictures from here on were in nobody's lessons


def relatives() -> tuple[str, ...]:
    """The shipped models that were taught a family of drawn pictures."""
    return tuple(name for name in families() if name in models.shipped())


def run(seed: int, folder: Path, quick: bool) -> dict[str, Any]:
    """Every model once, with pictures of this seed."""
    count, size = (12, 32) if quick else (int(SETTINGS["pictures"]), int(SETTINGS["size"]))
    names = (ANCESTOR, *(relatives()[:1] if quick else relatives()))
    judge = teacher(names, 8 if quick else int(SETTINGS["lesson"]), size, 20 if quick else int(SETTINGS["steps"]))
    found: dict[str, dict[str, float]] = {}
    columns: list[Tensor] = []
    for name in names:
        real = drawn(name, count, size, HELD_OUT + seed)
        made = painted(io.load(models.shipped()[name]), count, size, seed)
        found[name] = {}
        for word, see in (("", judge.features), ("seeded_", features)):
            with torch.no_grad():
                a, b = see(real), see(made)
            found[name] |= {
                f"{word}kid": kid(a, b),
                f"{word}fid": frechet(a, b),
                f"{word}kid_of_data_to_itself": kid(a[::2], a[1::2]),
            }
        columns += [real[:4], made[:4]]
    words = [word for name in names for word in (f"{name}: data", f"{name}: made")]
    pictures = parents.strip(folder / "shipped.png", words, columns, 1)
    return {"distances": found, "pictures": {"each model's own data, and what it makes of any latents": pictures}}


def drawing(name: str) -> Scene:
    """What draws a model's own data."""
    return Scenes() if name == ANCESTOR else scene(name)


def drawn(name: str, count: int, size: int, seed: int) -> Tensor:
    """[count, 3, size, size] of a model's own data, at the size it was taught at, averaged down as `painted` is: what
    is drawn at `size` itself has finer lines, and both sides must come the same way.
    """
    whole = bank(drawing(name), count, RESOLUTION, seed)
    return torch.cat([_smaller(to_signed(part), size) for part in torch.split(whole, 10)])


def _smaller(pictures: Tensor, size: int) -> Tensor:
    return torch.nn.functional.adaptive_avg_pool2d(pictures, size)


@cache
def teacher(names: tuple[str, ...], count: int, size: int, steps: int) -> Classifier:
    """A classifier that was taught which data set a real picture is of: `count` of each, that nobody else sees."""
    pictures = torch.cat([drawn(name, count, size, LESSON) for name in names])
    labels = torch.arange(len(names)).repeat_interleave(count)
    return train_classifier(pictures, labels, steps=steps)


@torch.no_grad()
def painted(network: Generator, count: int, size: int, seed: int) -> Tensor:
    """[count, 3, size, size] of latents of this seed, psi 1, averaged down."""
    made = []
    for k in range(0, count, 10):
        z = torch.stack([seed_z(1_000_000 + 10_000 * seed + n, network.z_dim) for n in range(k, min(k + 10, count))])
        pictures = network.synthesize(network.map(z, truncation_psi=1.0), noise_mode="const").clamp(-1, 1)
        made.append(_smaller(pictures, size))
    return torch.cat(made)


def verdict(runs: Sequence[Run]) -> tuple[Check, ...]:
    """Nearer than the ancestor, every model, every seed."""
    names = [name for name in runs[0]["distances"] if name != ANCESTOR]
    keys = [key for key in ("fid", "kid", "seeded_fid", "seeded_kid") if key in runs[0]["distances"][ANCESTOR]]
    return tuple(_nearer(runs, name, key) for name in names for key in keys)


def _nearer(runs: Sequence[Run], name: str, key: str) -> Check:
    own = [float(r["distances"][name][key]) for r in runs]
    theirs = [float(r["distances"][ANCESTOR][key]) for r in runs]
    passed = sum(a < b for a, b in zip(own, theirs, strict=True))
    eye = "in untrained features" if key.startswith("seeded") else "to its own data"
    return Check(
        f"{name}: local {key[-3:].upper()} {eye}", f"below first-light's, {mean(theirs):.3g}",
        f"{mean(own):.3g}; {passed} of {len(runs)}", passed == len(runs),
    )  # fmt: skip
