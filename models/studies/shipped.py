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
SETTINGS: Mapping[str, Any] = {"pictures": 250, "size": LARGEST, "extractor": EXTRACTOR}
HELD_OUT = 70_000  # seeds of pictures from here on were in nobody's lessons


def relatives() -> tuple[str, ...]:
    """The shipped models that were taught a family of drawn pictures."""
    return tuple(_nearer(runs, name, key) for name in names for key in ("kid", "fid"))


def _nearer(runs: Sequence[Run], name: str, key: str) -> Check:
    own = [float(r["distances"][name][key]) for r in runs]
    theirs = [float(r["distances"][ANCESTOR][key]) for r in runs]
    passed = sum(a < b for a, b in zip(own, theirs, strict=True))
    return Check(
        f"{name}: local {key.upper()} to its own data", f"below first-light's, {mean(theirs):.3g}",
        f"{mean(own):.3g}; {passed} of {len(runs)}", passed == len(runs),
    )  # fmt: skip
