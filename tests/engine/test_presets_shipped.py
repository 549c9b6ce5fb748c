"""The contract of `presets/`: every file in the folder is right, and is moved by the sound."""

from __future__ import annotations

from pathlib import Path

import pytest

from perform.app import tree
from perform.audio import features
from perform.engine import assets, preset
from perform.output.chain import shader_names

FILES = sorted(assets.folder("presets").glob("*.toml"))
HEARD = {signal.name for name in features.names() for signal in features.load(name)[0]}
BEATS = {"beat.bpm", "beat.phase", "beat.pulse", "beat.confidence", "bar.phase"}
LFOS = {f"lfo.{number}" for number in range(1, 5)}


def test_there_are_at_least_six_and_first_light_is_one() -> None:
    assert len(FILES) >= 6
    assert "first-light" in {path.stem for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_preset_is_right_down_to_the_last_key(path: Path) -> None:
    read = preset.read(path)
    preset.checked(read, tree(), frozenset(shader_names(assets.folder("shaders"))), path.name)
    assert read.about
    assert len(read.about) < 120
    signals = {route.signal for route in read.routes}
    assert signals <= HEARD | BEATS | LFOS, "a route listens to something that nobody says"
    assert len(signals & HEARD) >= 3, "the sound must move it, and in more than one way"


def test_each_has_a_character_of_its_own() -> None:
    looks = {(preset.read(path).model, preset.read(path).shaders) for path in FILES}
    assert len(looks) == len(FILES)
