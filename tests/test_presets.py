"""What every shipped preset promises. Walks the folder: a new file is covered without an edit here."""

from __future__ import annotations

from pathlib import Path

import pytest

import models
from perform.app import tree
from perform.audio import features
from perform.engine import assets
from perform.engine import preset as presets
from perform.engine.patch import Patch
from perform.engine.rig import rig_knobs

HEARD = {signal.name for name in features.names() for signal in features.load(name)[0]}
BEATS = {"beat.bpm", "beat.phase", "beat.pulse", "beat.confidence", "bar.phase"}
LFOS = {f"lfo.{number}" for number in range(1, 5)}
FILES = sorted(assets.folder("presets").glob("*.toml"))
SHADERS = frozenset(path.stem for path in assets.folder("shaders").glob("*.fs"))


def test_there_are_six_and_one_is_played_first() -> None:
    assert len(FILES) >= 6
    assert "first-light" in {path.stem for path in FILES}
    assert len({presets.read(path).name for path in FILES}) == len(FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_name_in_it_is_one_that_can_be_played(path: Path) -> None:
    preset = presets.read(path)
    rig = presets.rig(preset, path.name)
    presets.glitches(preset, path.name)
    parameters = tree()
    parameters.grow(rig_knobs(rig))
    presets.checked(preset, parameters, SHADERS, path.name)
    Patch(presets.routes(preset), parameters)
    assert {preset.model, *preset.relatives} <= set(models.available())
    assert preset.shaders


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_says_what_it_is_and_hears_the_music(path: Path) -> None:
    preset = presets.read(path)
    assert preset.name
    assert len(preset.about) > 10
    heard = {route.signal for route in preset.routes if route.signal.startswith(("audio.", "beat."))}
    assert {route.signal for route in preset.routes} <= HEARD | BEATS | LFOS, "a route follows what nobody says"
    assert len(heard) >= 2, "a preset must be moved by more than one thing in the sound"
    assert all(route.depth for route in preset.routes)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_is_not_another_one_under_a_new_name(path: Path) -> None:
    preset = presets.read(path)
    character = (preset.model, preset.shaders, tuple(sorted(presets.flat(preset.values))), preset.routes)
    for other in FILES:
        there = presets.read(other)
        if other != path:
            assert character != (there.model, there.shaders, tuple(sorted(presets.flat(there.values))), there.routes)
