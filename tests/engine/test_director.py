from __future__ import annotations

from pathlib import Path

import pytest

from models.knobs import Knob, text, trigger
from models.rewriting.glitch import KNOBS, Glitch, History
from perform.engine import preset as presets
from perform.engine.clock import FixedClock
from perform.engine.director import Director, director_knobs
from perform.engine.loader import Arrival
from perform.engine.parameters import Parameters
from perform.engine.patch import Patch
from perform.engine.problems import Problems, UserError
from perform.engine.rig import Rig, relative_knobs
from perform.engine.signals import Signals

ONE = 'name = "One"\nmodel = "cppn"\nshaders = ["echo"]\n[values.walk]\nspeed = 1.0\n'
TWO = 'name = "Two"\nmodel = "first-light"\n[values.walk]\nspeed = -1.0\n'
TWO += '[[routes]]\nsignal = "a"\nto = "walk.speed"\ndepth = 1\n'


class Engine:
    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.signals = Signals()
        self.patch = Patch((), parameters)
        self.history = History()
        self.stored: list[int] = []

    def store(self, slot: int) -> None:
        self.stored.append(slot)


class Shelf:
    """Models that arrive when the test says so."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.decks: list[int | None] = []
        self.rigs: list[Rig | None] = []
        self.loaded = ""
        self.coming: Arrival | None = None

    def load(self, name: str, deck: int | None = None, rig: Rig | None = None) -> None:
        self.asked.append(name)
        self.decks.append(deck)
        self.rigs.append(rig)

    def arrived(self) -> Arrival | None:
        coming, self.coming = self.coming, None
        return coming


class Desk:
    """A director with everything it talks to written down."""

    def __init__(self, parameters: Parameters) -> None:
        parameters.add("", director_knobs(["one", "two", "broken"], ["cppn", "first-light"]))
        parameters.add("", (trigger("show.next"), trigger("show.previous"), trigger("show.random")))
        parameters.add("", (Knob("show.preset", 0.0, 0.0, 128.0, kind="int"),))
        self.engine, self.problems = Engine(parameters), Problems()
        self.orders: list[tuple[str, ...]] = []
        self.clock, self.shelf = FixedClock(10), Shelf()
        self.models = self.shelf.asked
        self.said: list[str] = []
        self.director = Director(
            self.engine,
            frozenset({"echo"}),
            clock=self.clock,
            order=lambda names: self.orders.append(tuple(names)),
            models=self.shelf,
            say=self.said.append,
            problems=self.problems,
        )

    def press(self, name: str) -> None:
        self.engine.parameters.set(name, 1.0)
        self.director.step(self.engine.parameters.fired())


@pytest.fixture
def desk(parameters: Parameters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("PERFORM_HOME", str(tmp_path))
    folder = tmp_path / "presets"
    folder.mkdir()
    (folder / "one.toml").write_text(ONE)
    (folder / "two.toml").write_text(TWO)
    (folder / "broken.toml").write_text(TWO.replace("walk.speed", "walk.sped"))
    made = Desk(parameters)
    made.director.play(presets.find("one"))
    return made


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
