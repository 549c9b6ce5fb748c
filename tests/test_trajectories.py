"""What every shipped trajectory promises. Walks the folder: a new file is covered without an edit here."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import torch

import models
from models import tuning
from models.checkpoints import Refused, io
from models.generators import Generator
from models.resident import Resident
from models.tuning.reel import Foreign, Reel
from models.tuning.trajectory import Reader
from perform.engine import assets
from perform.engine import preset as presets

SHIPPED = tuning.shipped()
FEW = 10_000_000  # bytes
ALL = 60_000_000  # bytes of models and trajectories together


@cache
def networks() -> dict[str, Generator]:
    found = {}
    for name in models.shipped():
        try:
            found[name] = io.load(models.shipped()[name])
        except Refused:  # a critic is no network that plays
            continue
    return found


@cache
def of(path: Path) -> tuple[str, Reel] | None:
    """The shipped model that a trajectory belongs to."""
    for name, network in networks().items():
        try:
            return name, Reel(path, network, Resident(network))
        except Foreign:
            continue
    return None


@pytest.mark.parametrize("path", SHIPPED.values(), ids=SHIPPED.keys())
def test_it_is_the_way_of_a_shipped_model_and_whole(path: Path) -> None:
    found = of(path)
    assert found is not None
    reader = Reader(path)
    assert reader.words == ()
    assert len(reader) >= 2
    for k in range(len(reader)):
        assert all(torch.isfinite(t).all() for t in reader.state(k).values())


@pytest.mark.parametrize("path", SHIPPED.values(), ids=SHIPPED.keys())
def test_its_card_says_where_it_comes_from(path: Path) -> None:
    text = path.with_suffix(".md").read_text(encoding="utf-8").lower()
    for word in ("data", "licence", "recipe", "seed"):
        assert word in text, f"{path.stem}.md says nothing of its {word}"


def test_all_of_it_is_small_enough_to_ship() -> None:
    assert all(path.stat().st_size < FEW for path in SHIPPED.values())
    folder = next(iter(models.shipped().values())).parent
    parts = [path for path in folder.iterdir() if path.suffix in (".safetensors", tuning.SUFFIX)]
    assert sum(path.stat().st_size for path in parts) < ALL


@pytest.mark.parametrize("name", sorted(path.stem for path in assets.folder("presets").glob("*.toml")))
def test_a_preset_that_names_one_can_play_it(name: str) -> None:
    preset = presets.read(presets.find(name))
    if preset.trajectory:
        found = of(SHIPPED[preset.trajectory])
        assert found is not None
        assert found[0] == preset.model
