"""The shipped models beside their own data: is each relative nearer to what it was taught than first-light is to its?

Pictures that no network was taught with are drawn anew for each seed, as many as the network paints, and both go
through the same extractor. The relatives learned pictures with known numbers, first-light learned crops of photographs:
a lower distance says that a relative knows its subject better, not that its subject is the better one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from torch import Tensor

import models
from models.checkpoints import io
from models.generators import Generator
from models.judging.distances import EXTRACTOR, LARGEST, features, frechet, kid
from models.studies import Check, Run, parents
from models.training.data import bank, seed_z, to_signed
from models.training.inspirations import families, scene
from models.training.recipes.first_light import Scenes

ABOUT = "shipped models: distance to their own data beside that of first-light to its own"
SUBSTITUTE = f"local KID and local FID for those of an Inception network; {EXTRACTOR}"
ANCESTOR = "first-light"
SETTINGS: Mapping[str, Any] = {"pictures": 100, "size": LARGEST, "extractor": EXTRACTOR, "kernel": "(x.y / F + 1)^3"}
HELD_OUT = 70_000  # seeds of pictures from here on were in nobody's lessons


def relatives() -> tuple[str, ...]:
    """The shipped models that were taught a family of drawn pictures."""
    return tuple(name for name in families() if name in models.shipped())


def run(seed: int, folder: Path, quick: bool) -> dict[str, Any]:
    """Every model once, with pictures of this seed."""
    count, size = (12, 32) if quick else (int(SETTINGS["pictures"]), int(SETTINGS["size"]))
    names = (ANCESTOR, *(relatives()[:1] if quick else relatives()))
    found, columns = {}, []
    for name in names:
        drawing = Scenes() if name == ANCESTOR else scene(name)
        real = to_signed(bank(drawing, count, size, HELD_OUT + seed))
        made = painted(io.load(models.shipped()[name]), count, size, seed)
        a, b = features(real), features(made)
        halves = [features(real[::2]), features(real[1::2])]
        found[name] = {"kid": kid(a, b), "fid": frechet(a, b), "kid_of_data_to_itself": kid(*halves)}
        columns += [real[:4], made[:4]]
    words = [word for name in names for word in (f"{name}: data", f"{name}: made")]
    pictures = parents.strip(folder / "shipped.png", words, columns, 1)
    return {"distances": found, "pictures": {"each model's own data, and what it makes of any latents": pictures}}


@torch.no_grad()
def painted(network: Generator, count: int, size: int, seed: int) -> Tensor:
    """[count, 3, size, size] of latents of this seed, psi 1, averaged down."""
    made = []
    for k in range(0, count, 10):
        z = torch.stack([seed_z(1_000_000 + 10_000 * seed + n, network.z_dim) for n in range(k, min(k + 10, count))])
        made.append(network.synthesize(network.map(z, truncation_psi=1.0), noise_mode="const").clamp(-1, 1))
    return torch.nn.functional.adaptive_avg_pool2d(torch.cat(made), size)


def verdict(runs: Sequence[Run]) -> tuple[Check, ...]:
    """Nearer than the ancestor, every model, every seed."""
    names = [name for name in runs[0]["distances"] if name != ANCESTOR]
    return tuple(_nearer(runs, name, key) for name in names for key in ("kid", "fid"))


def _nearer(runs: Sequence[Run], name: str, key: str) -> Check:
    own = [float(r["distances"][name][key]) for r in runs]
    theirs = [float(r["distances"][ANCESTOR][key]) for r in runs]
    passed = sum(a < b for a, b in zip(own, theirs, strict=True))
    return Check(
        f"{name}: local {key.upper()} to its own data", f"below first-light's, {mean(theirs):.3g}",
        f"{mean(own):.3g}; {passed} of {len(runs)}", passed == len(runs),
    )  # fmt: skip
