from __future__ import annotations

from pathlib import Path

import pytest

from perform.engine import preset as presets
from perform.engine.loader import Arrival
from perform.engine.problems import UserError
from tests.engine.desk import Desk, desk

__all__ = ["desk"]


def test_a_preset_sets_values_routes_shaders_and_model(desk: Desk) -> None:
    assert desk.engine.parameters.get("walk.speed") == 1.0
    assert desk.orders == [("echo",)]
    assert desk.models == ["cppn"]
    assert desk.engine.parameters.word("preset") == "one"


def test_next_goes_on_and_leaves_nothing_of_the_last_preset(desk: Desk) -> None:
    desk.engine.parameters.set("walk.truncation_psi", 1.5)
    desk.press("show.next")
    assert desk.director.name == "two"
    assert desk.engine.parameters.get("walk.truncation_psi") == 0.7
    assert desk.engine.patch.routes[0].signal == "a"
    assert desk.orders[-1] == ()
    assert desk.models == ["cppn", "first-light"]
    assert desk.said == ["Two"]


def test_a_broken_preset_leaves_everything_as_it_was(desk: Desk) -> None:
    desk.engine.parameters.set("walk.truncation_psi", 1.5)
    desk.press("show.previous")
    assert desk.director.name == "one"
    assert desk.engine.parameters.word("preset") == "one"
    assert desk.engine.parameters.get("walk.truncation_psi") == 1.5
    assert 'Did you mean "walk.speed"' in desk.problems.current["preset"].text
    with pytest.raises(UserError):
        desk.director.play(presets.find("broken"))
    assert desk.director.name == "one"


def test_a_preset_can_be_called_by_its_name_over_osc(desk: Desk) -> None:
    desk.engine.parameters.set("preset", "two")
    desk.director.step([])
    assert desk.director.name == "two"


def test_a_preset_can_be_called_by_its_number(desk: Desk) -> None:
    desk.engine.parameters.set("show.preset", 2)
    desk.director.step([])
    assert desk.director.name == "two"
    desk.engine.parameters.set("show.preset", 99)
    desk.director.step([])
    assert desk.director.name == "two"
    assert desk.engine.parameters.get("show.preset") == 0


def test_the_model_can_be_changed_apart_from_the_preset(desk: Desk) -> None:
    desk.engine.parameters.set("model", "first-light")
    desk.director.step([])
    desk.director.step([])
    assert desk.models == ["cppn", "first-light"]
    assert desk.director.name == "one"


def test_a_model_asked_for_by_name_or_by_file_stays(desk: Desk) -> None:
    for model in ("first-light", "somewhere/mine.safetensors"):
        desk.director.use(model)
        desk.director.step([])
        desk.director.step([])
        assert desk.models[-1] == model


def test_home_is_what_the_preset_says_after_any_move(desk: Desk) -> None:
    parameters = desk.engine.parameters
    before = parameters.base.copy()
    for name in parameters.names():
        if not name.startswith(("preset", "model", "show.", "deck.", "freeze", "blackout")):
            parameters.set(name, parameters.knob(name).high)
    desk.press("home")
    before[parameters.place("divergence")] = 0.0  # and the network is as it was trained
    assert (parameters.base == before).all()
    desk.director.settle()
    assert parameters.get("divergence") == 1.0


def test_random_moves_the_walk_and_the_shaders_that_play_and_home_undoes_it(desk: Desk) -> None:
    before = desk.engine.parameters.base.copy()
    desk.press("show.random")
    after = desk.engine.parameters.base
    assert after[desk.engine.parameters.place("walk.seed")] != before[desk.engine.parameters.place("walk.seed")]
    assert after[desk.engine.parameters.place("shader.echo.amount")] != 0.5
    desk.press("home")
    before[desk.engine.parameters.place("divergence")] = 0.0
    assert (desk.engine.parameters.base == before).all()


def test_what_plays_can_be_saved_and_comes_back_the_same(desk: Desk) -> None:
    desk.press("show.next")
    desk.press("show.random")
    desk.engine.parameters.set("walk.sync", "beats")
    wanted = desk.engine.parameters.base.copy()
    desk.press("show.save")
    saved = presets.user_folder() / "two-2.toml"
    assert saved.exists()
    desk.director.play(presets.find("one"))
    desk.director.play(saved)
    names = desk.engine.parameters.names()
    for name, value, want in zip(names, desk.engine.parameters.base, wanted, strict=True):
        if name != "preset":
            assert value == want, name


def test_a_folder_that_cannot_be_written_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PERFORM_HOME", str(tmp_path / "file"))
    desk.press("show.save")
    assert "cannot be written" in desk.problems.current["preset"].text


def frames(desk: Desk, count: int) -> list[float]:
    """Where the fader between the decks stands in each of the next frames, a tenth of a second each."""
    stands = []
    for _ in range(count):
        desk.clock.tick()
        desk.director.step([])
        stands.append(desk.engine.parameters.get("deck.mix"))
    return stands


def test_a_model_that_arrives_comes_in_over_its_beats(desk: Desk) -> None:
    desk.engine.parameters.set("deck.fade", 2.0)
    desk.engine.signals.values["beat.bpm"] = 120.0
    frames(desk, 3)
    desk.engine.parameters.set("model.load", "faces.pkl")
    frames(desk, 2)
    assert desk.models[-1] == "faces.pkl"
    desk.shelf.coming = Arrival("faces.pkl", 1)
    stands = frames(desk, 12)
    assert stands == pytest.approx([0.1 * k for k in range(1, 11)] + [1.0, 1.0])


def test_with_no_beats_it_cuts_and_without_a_tempo_a_beat_is_half_a_second(desk: Desk) -> None:
    desk.engine.parameters.set("deck.fade", 0.0)
    frames(desk, 1)
    desk.shelf.coming = Arrival("x", 1)
    assert frames(desk, 1) == [1.0]
    desk.engine.parameters.set("deck.fade", 1.0)
    desk.shelf.coming = Arrival("y", 0)
    assert frames(desk, 6) == pytest.approx([0.8, 0.6, 0.4, 0.2, 0.0, 0.0])


def test_a_hand_on_the_fader_takes_it(desk: Desk) -> None:
    frames(desk, 1)
    desk.shelf.coming = Arrival("x", 1)
    frames(desk, 3)
    desk.engine.parameters.set("deck.mix", 0.9)
    assert set(frames(desk, 5)) == {0.9}


def test_a_model_put_on_a_deck_by_name_waits_there(desk: Desk) -> None:
    desk.engine.parameters.set("deck.b.load", "faces.pkl")
    frames(desk, 1)
    assert (desk.models[-1], desk.shelf.decks[-1]) == ("faces.pkl", 1)
    desk.shelf.coming = Arrival("faces.pkl", 1, onto_wall=False)
    assert set(frames(desk, 3)) == {0.0}


def test_a_model_that_did_not_come_leaves_its_name_and_can_be_asked_for_again(desk: Desk) -> None:
    desk.engine.parameters.set("model", "first-light")
    frames(desk, 1)
    desk.shelf.coming = Arrival("cppn", None)
    frames(desk, 1)
    assert desk.engine.parameters.word("model") == "cppn"
    desk.engine.parameters.set("model", "first-light")
    frames(desk, 1)
    assert desk.models == ["cppn", "first-light", "first-light"]


def test_a_name_button_takes_no_number(desk: Desk) -> None:
    with pytest.raises(UserError, match=r"model\.load takes a word"):
        desk.engine.parameters.set("model.load", 3.0)
