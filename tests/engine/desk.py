"""A director with everything it talks to written down: shared by its tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.knobs import Knob, trigger
from models.rewriting.glitch import History
from perform.engine import preset as presets
from perform.engine.clock import FixedClock
from perform.engine.director import Director, director_knobs
from perform.engine.loader import Arrival
from perform.engine.parameters import Parameters
from perform.engine.patch import Patch
from perform.engine.peaks import Peaks
from perform.engine.problems import Problems
from perform.engine.rig import Rig
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
        self.peaks = Peaks(wait=True)
        self.peaks_wanted = 0

    def find_peak(self) -> None:
        self.peaks_wanted += 1

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

    def arrive(self, name: str, deck: int) -> None:
        self.shelf.coming = Arrival(name, deck)
        self.director.step([])

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
