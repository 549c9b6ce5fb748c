"""What presets and hands do to the rig, the blend and the glitches."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.decoding.played import knobs as decode_knobs
from models.knobs import text
from models.rewriting.glitch import KNOBS, Glitch
from perform.engine import preset as presets
from perform.engine.problems import UserError
from perform.engine.rig import relative_knobs
from tests.engine.desk import Desk, desk

__all__ = ["desk"]

BENT = """name = "Bent"
model = "cppn"
[values.bend.melt]
angle = 20.0
[[bends]]
name = "melt"
layer = "b8.conv0"
transform = "rotate"
features = "random"
fraction = 0.5
amount = 0.75
[[routes]]
signal = "audio.low"
to = "bend.melt.angle"
depth = 90.0
"""


def bent(desk: Desk, tmp_path: Path, text: str = BENT) -> None:
    (tmp_path / "bent.toml").write_text(text)
    desk.director.play(tmp_path / "bent.toml")
    desk.director.step([])


def test_the_slots_of_a_preset_are_parameters_with_routes(desk: Desk, tmp_path: Path) -> None:
    parameters = desk.engine.parameters
    places = {name: parameters.place(name) for name in parameters.names()}
    bent(desk, tmp_path)
    (one,) = desk.shelf.rigs[-1].slots
    assert (one.layer, one.transform, one.features.kind, one.amount) == ("b8.conv0", "rotate", "random", 0.75)
    assert parameters.get("bend.melt.amount") == 0.75
    assert parameters.get("bend.melt.fraction") == 0.5
    assert parameters.get("bend.melt.angle") == 20.0
    desk.engine.signals.values["audio.low"] = 0.5
    values = desk.engine.patch.play(desk.engine.signals, parameters, 0.1)
    assert values["bend.melt.angle"] == 65.0
    assert all(parameters.place(name) == place for name, place in places.items()), "a controller's map stays right"
    desk.press("home")
    assert parameters.get("divergence") == 0.0
    assert parameters.get("bend.melt.angle") == 20.0


def test_slots_are_moved_added_and_taken_away_while_they_play(desk: Desk, tmp_path: Path) -> None:
    bent(desk, tmp_path)
    parameters = desk.engine.parameters
    for name, word in (
        ("bend.melt.layer", "b16.conv1"), ("bend.melt.transform", "wave"), ("bend.melt.features", "all"),
        ("bend.add", "blur b4.conv1"), ("bend.add", "mist blur b8.conv1"), ("bend.add", "blur b32.conv1"),
    ):  # fmt: skip
        if name not in parameters:
            parameters.grow((text(name),))
        parameters.set(name, word)
        desk.director.step([])
    rig = desk.shelf.rigs[-1]
    assert [(one.name, one.transform, one.layer) for one in rig.slots] == [
        ("melt", "wave", "b16.conv1"), ("blur", "blur", "b4.conv1"), ("mist", "blur", "b8.conv1"),
        ("blur2", "blur", "b32.conv1"),
    ]  # fmt: skip
    assert "bend.melt.across" in parameters
    assert "bend.mist.octaves" in parameters
    desk.press("show.save")
    saved = presets.read(tmp_path / "presets" / "bent.toml")
    assert presets.rig(saved, "bent") == rig
    for name, word, said in (
        ("bend.remove", "mits", 'Did you mean "mist"'), ("bend.melt.transform", "wavy", 'Did you mean "wave"'),
        ("bend.melt.features", "some", "all, random or cluster"), ("bend.add", "blur", "transform layer"),
    ):  # fmt: skip
        if name not in parameters:
            parameters.grow((text(name),))
        parameters.set(name, word)
        desk.director.step([])
        assert said in desk.problems.current["bend"].text
        assert desk.shelf.rigs[-1] is rig, "what plays goes on"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"rotate"', '"rotated"', ["bent.toml", "melt", 'Did you mean "rotate"']),
        ('name = "melt"', 'name = "Melt it"', ["bent.toml", "Melt it", "small letters"]),
        ("amount = 0.75", "amount = 7.5", ["bent.toml", "amount"]),
        ("amount = 0.75", "knobs = {angel = 1}", ["bent.toml", "melt", 'Did you mean "angle"']),
        ("amount = 0.75", "knobs = {angle = 1000}", ["bent.toml", "angle", "-360 to 360"]),
        ("amount = 0.75", "feature = 1", ["bent.toml", "[[bends]]", 'Did you mean "features"']),
        ("bend.melt.angle", "bend.melt.angel", ["bent.toml", 'Did you mean "bend.melt.angle"']),
        ("angle = 20.0", "angel = 20.0", ["bent.toml", 'Did you mean "bend.melt.angle"']),
    ],
)
def test_a_wrong_slot_is_named_and_changes_nothing(
    desk: Desk, tmp_path: Path, old: str, new: str, words: list[str]
) -> None:
    parameters, before = desk.engine.parameters, desk.engine.parameters.names()
    (tmp_path / "bent.toml").write_text(BENT.replace(old, new))
    with pytest.raises(UserError) as refused:
        desk.director.play(tmp_path / "bent.toml")
    for word in words:
        assert word in str(refused.value)
    assert (desk.director.name, parameters.names()) == ("one", before)


def test_relatives_come_into_the_blend_by_name(desk: Desk, tmp_path: Path) -> None:
    parameters = desk.engine.parameters
    parameters.add("blend", relative_knobs())
    bent(desk, tmp_path, BENT.replace("[values", 'relatives = ["ink"]\n[values', 1))
    assert desk.shelf.rigs[-1].relatives == ("ink",)
    for name, word, expected in (
        ("blend.model.4.load", "moss", ("ink", "", "moss")),
        ("blend.model.2.load", "", ("", "", "moss")),
        ("blend.model.4.load", "", ()),
    ):
        parameters.set(name, word)
        desk.director.step([])
        assert desk.shelf.rigs[-1].relatives == expected
        assert len(desk.shelf.rigs[-1].slots) == 1


def test_glitches_are_kept_taken_back_and_saved(desk: Desk, tmp_path: Path) -> None:
    parameters, history = desk.engine.parameters, desk.engine.history
    parameters.add("rewrite", KNOBS)
    bent(desk, tmp_path, BENT + '[[rewrites]]\nop = "delete"\nseed = 4\n')
    assert history.kept == (Glitch("delete", seed=4),)
    parameters.set("rewrite.strength", 0.5)
    desk.press("rewrite.keep")
    assert history.kept[1:] == (Glitch(strength=0.5),)
    desk.press("show.save")
    saved = presets.read(tmp_path / "presets" / "bent.toml")
    assert presets.glitches(saved, "bent") == history.kept
    desk.press("rewrite.undo")
    assert len(history.kept) == 1
    desk.press("rewrite.home")
    assert history.kept == ()
    for wrong, words in (('op = "delate"', "delate"), ("percent_change = 400", "percent_change"), ("sed = 1", "sed")):
        (tmp_path / "wrong.toml").write_text(BENT + f"[[rewrites]]\n{wrong}\n")
        with pytest.raises(UserError, match=rf"wrong.toml: .*{words}"):
            desk.director.play(tmp_path / "wrong.toml")


def test_the_buttons_of_places_and_ideas(desk: Desk) -> None:
    parameters = desk.engine.parameters
    parameters.add("decode", decode_knobs())
    desk.press("walk.store.5")
    assert desk.engine.stored == [5]
    before = parameters.get("decode.seed")
    desk.press("decode.repick")
    assert parameters.get("decode.seed") == before + 1
