from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perform.engine import preset as presets
from perform.engine.parameters import Parameters
from perform.engine.problems import UserError

GOOD = """
name = "Tide"
model = "first-light"
shaders = ["echo"]
[values.walk]
speed = 0.5
sync = "beats"
[[routes]]
signal = "audio.low"
to = "walk.truncation_psi"
depth = 0.4
curve = "smooth"
attack = 0.01
release = 0.3
threshold = 0.2
hold = 0.1
quantise = "half"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "tide.toml"
    path.write_text(text)
    return path


def test_a_preset_reads_and_writes_back_the_same(tmp_path: Path, parameters: Parameters) -> None:
    preset = presets.read(written(tmp_path, GOOD))
    assert presets.checked(preset, parameters, frozenset({"echo"}), "tide.toml") == {"walk.speed": 0.5, "walk.sync": 1}
    again = tmp_path / "again.toml"
    presets.write(again, preset)
    assert presets.read(again) == preset
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("model =", "modle ="), ["tide.toml", "modle", 'Did you mean "model"']),
        (("depth =", "dept ="), ["tide.toml", "dept", "[[routes]]", 'Did you mean "depth"']),
        (('"smooth"', '"smoth"'), ["tide.toml", "smoth"]),
        (("depth = 0.4", 'depth = "much"'), ["tide.toml", "routes", "depth"]),
        (("depth = 0.4", "depth = inf"), ["tide.toml", "routes", "depth"]),
        (("attack = 0.01", "attack = -1"), ["tide.toml", "routes", "attack", ">= 0"]),
        (("hold = 0.1", "hold = nan"), ["tide.toml", "routes", "hold"]),
        (("threshold = 0.2", "threshold = 1"), ["tide.toml", "routes", "threshold", "< 1"]),
        (('"half"', '"beet"'), ["tide.toml", "routes", "quantise", "beet"]),
        (("quantise =", "quantize ="), ["tide.toml", 'Did you mean "quantise"']),
        (("speed = 0.5", "speed = "), ["tide.toml", "TOML", "line"]),
    ],
)
def test_what_the_schema_does_not_know_is_named(tmp_path: Path, change: tuple[str, str], words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        presets.read(written(tmp_path, GOOD.replace(*change)))
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("speed = 0.5", "sped = 0.5"), ["tide.toml", "walk.sped", 'Did you mean "walk.speed"']),
        (("speed = 0.5", "speed = 50"), ["tide.toml", "walk.speed", "-4 to 4"]),
        (("speed = 0.5", "speed = nan"), ["tide.toml", "walk.speed", "nan"]),
        (("speed = 0.5", "speed = [1]"), ["tide.toml", "walk.speed"]),
        (('"beats"', '"beets"'), ["tide.toml", "walk.sync", 'Did you mean "beats"']),
        (("walk.truncation_psi", "walk.truncation"), ["tide.toml", 'Did you mean "walk.truncation_']),
        (('["echo"]', '["eco"]'), ["tide.toml", "eco", 'Did you mean "echo"']),
        (('["echo"]', '["echo", "echo"]'), ["tide.toml", "twice"]),
    ],
)
def test_what_the_instrument_does_not_have_is_named(
    tmp_path: Path, parameters: Parameters, change: tuple[str, str], words: list[str]
) -> None:
    preset = presets.read(written(tmp_path, GOOD.replace(*change)))
    with pytest.raises(UserError) as caught:
        presets.checked(preset, parameters, frozenset({"echo"}), "tide.toml")
    for word in words:
        assert word in str(caught.value)


def test_an_unknown_preset_names_the_nearest_and_what_there_is() -> None:
    with pytest.raises(UserError, match='Did you mean "first-light"'):
        presets.find("frist-light")
    with pytest.raises(UserError, match=r"nosuch\.toml"):
        presets.find("nosuch.toml")


def test_a_picture_given_as_a_preset_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    with pytest.raises(UserError, match="not a text file"):
        presets.read(path)


def test_saving_never_overwrites_what_the_user_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERFORM_HOME", str(tmp_path))
    made = []
    for _ in range(3):
        path = presets.free_path("tide")
        presets.write(path, presets.Preset(name="Tide"))
        made.append(path.name)
    assert made == ["tide.toml", "tide-2.toml", "tide-3.toml"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_folder_that_refuses_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        presets.write(tmp_path / "file" / "x.toml", presets.Preset(name="x"))


names = st.lists(st.text("abcdef", min_size=1, max_size=4), min_size=1, max_size=3).map(".".join)


@given(st.dictionaries(names, st.floats(-10, 10), max_size=6))
@settings(max_examples=60)
def test_nested_and_flat_are_inverse(values: dict[str, float]) -> None:
    keys = sorted(values)
    clean = {k: values[k] for k in keys if not any(o != k and o.startswith(k + ".") for o in keys)}
    assert dict(presets.flat(presets.nested(clean))) == clean
