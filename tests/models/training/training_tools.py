"""What the tests of the training instrument share: tiny recipes, folders of pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from models import training
from models.training.method import Plan
from models.training.run import Result, run

TINY = {"channels": 8, "w_dim": 8}


def tiny(name: str, **changes: Any) -> Plan:
    """A recipe, small enough for a test."""
    plan = training.load_recipe(name)
    assert isinstance(plan, Plan)
    known: Mapping[str, Any] = {
        "resolution": 16, "batch": 4, "steps": 8, "record_every": 2, "sheet_every": 4, "save_every": 3,
    }  # fmt: skip
    return replace(plan, **{**known, **changes})


def picture(k: int, size: tuple[int, int] = (20, 24)) -> Image.Image:
    """A smooth coloured field, another for each k."""
    rng = np.random.default_rng(k)
    small = Image.fromarray(rng.integers(0, 256, (3, 3, 3), dtype=np.uint8))
    return small.resize(size, Image.Resampling.BICUBIC)


def pictures(folder: Path, count: int = 12) -> Path:
    """A folder of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(count):
        picture(k).save(folder / f"{k:03}.png")
    return folder


def gan(out: Path, folder: Path, steps: int = 8, **more: Any) -> Result:
    """A run of the recipe gan, tiny: 16 pixels, 8 steps."""
    plan = tiny("gan", **more.pop("plan", {}))
    return run(plan, out, data=folder, steps=steps, options={**TINY, **more.pop("options", {})}, progress=False, **more)
