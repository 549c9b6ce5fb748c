"""Live training: a child that learns beside the show, whose places are guarded, and that never outlives it."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from models.checkpoints import io
from models.generators import Generator, build
from models.knobs import Knob
from models.resident import Resident
from models.training import critics, live, load_recipe
from models.training.discriminator import Discriminator
from models.training.method import Plan
from models.training.recipes.loss_hack import Foiled
from models.tuning.reel import Reel
from models.tuning.trajectory import Reader, Writer
from perform.app import tree
from perform.engine.problems import Problems
from perform.engine.training import FROM_NOTHING, RECIPES, Scene, Training, train_knobs
from tests.engine.desk import Desk, desk

__all__ = ["desk"]

SMALL = {"z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_base": 128, "channel_max": 16, "mapping_layers": 2}
HANDS = {"lr": 1.0, "colour_weight": 1.0, "seed": 3.0}
LONG = 160.0  # seconds that a busy machine may take to start a child


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small network in a file, with its critic."""
    monkeypatch.setenv("PERFORM_HOME", str(tmp_path / "home"))
    torch.manual_seed(0)
    path = tmp_path / "small.safetensors"
    io.save(path, build("stylegan2", SMALL), {})
    critics.save(tmp_path / "small.critic.safetensors", Discriminator(16, 128, 16), {})
    return path


def wait(what: Callable[[], bool]) -> None:
    """Poll until it is so."""
    end = time.monotonic() + LONG
    while not what():
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_places_reach_the_stage_and_a_killed_child_leaves_them(parent: Path) -> None:
    problems = Problems()
    training = Training(problems)
    assert training.press("stop", HANDS, "loss-hack", str(parent)) == "no training to stop"
    assert "begins" in training.press("start", HANDS, "loss-hack", str(parent))
    assert "goes on already" in training.press("start", HANDS, "loss-hack", str(parent))
    scenes: list[Scene] = []

    def going() -> bool:
        scene = training.step(HANDS)
        scenes.extend([scene] if scene else [])
        return " places" in training.line

    wait(going)
    (way, model), *others = scenes[0].parts.values()
    assert (model, others, len(scenes)) == ("", [], 1)
    generator = io.load(parent)
    reel = Reel(Path(way), generator, Resident(generator))
    assert reel.home == 0
    pid = training.pid
    assert pid is not None
    assert os.getpriority(os.PRIO_PROCESS, pid) == live.NICENESS
    os.kill(pid, signal.SIGKILL)
    wait(lambda: training.step(HANDS) is None and not training.running)
    assert "ended by itself (status -9)" in problems.current["training"].text
    while reel.work():
        pass
    assert len(reel) >= 2  # all that it had come to can be played
    training.close()


SHOW = """
import sys, time
from perform.engine.problems import Problems
from perform.engine.training import Training
training = Training(Problems())
training.press("start", {}, "loss-hack", sys.argv[1])
while not training.pid:
    training.step({})
    time.sleep(0.02)
print(training.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_no_child_outlives_a_show_that_is_killed(parent: Path) -> None:
    show = subprocess.Popen([sys.executable, "-c", SHOW, str(parent)], stdout=subprocess.PIPE)
    assert show.stdout is not None
    child = int(show.stdout.readline())
    assert alive(child)
    show.kill()
    show.communicate()
    wait(lambda: not alive(child))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_it_ends_with_the_show(parent: Path) -> None:
    training = Training(Problems())
    training.press("start", HANDS, "loss-hack", str(parent))
    wait(lambda: training.step(HANDS) is None and training.pid is not None)
    pid = training.pid
    training.close()
    assert pid is not None
    assert not alive(pid)


class Talk:
    """A run in this process, with what it says written down; `answers` are commands to what it says."""

    def __init__(self, parent: Path | None, out: Path, answers: Callable[[Mapping[str, Any]], str]) -> None:
        self.said: list[Mapping[str, Any]] = []
        self.answers = answers
        self.commands = live.Commands(self.say)
        recipe = "loss-hack" if parent else "dataless"
        options = {} if parent else {"channels": 4}
        request = {"recipe": recipe, "parent": str(parent) if parent else None, "out": str(out), "batch": 4}
        self.why = live.train({**request, "resolution": 16, "options": options}, self.commands, self.say)

    def say(self, words: Mapping[str, Any]) -> None:
        self.said.append(words)
        if answer := self.answers(words):
            self.commands.waiting.put(answer)

    def of(self, key: str) -> list[Any]:
        return [words[key] for words in self.said if key in words]


def test_what_the_guard_stops_is_never_seen(parent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Foiled.step
    calls = []

    def breaks(self: Foiled, *given: Any) -> dict[str, float]:
        losses = step(self, *given)
        calls.append(1)
        if len(calls) == 10:
            with torch.no_grad():
                next(iter(self.generator.synthesis.parameters())).fill_(float("nan"))
        return losses

    monkeypatch.setattr(Foiled, "step", breaks)

    def answers(words: Mapping[str, Any]) -> str:
        return "rollback" if "rests" in words else "stop" if words.get("places") == 4 else ""

    talk = Talk(parent, tmp_path / "out", answers)
    assert talk.of("alarm") == [["not finite"]] * live.MOST_BAD
    assert talk.of("rests") == ["not finite at step 20"]
    assert talk.of("rolled_back") == [0]
    assert talk.of("places") == [1, 2, 3, 4]
    reader = Reader(tmp_path / "out" / "loss-hack.trajectory")
    assert len(reader) == 5
    for k in range(5):
        assert all(t.isfinite().all() for t in reader.state(k).values())
    assert talk.why.startswith("stopped at step 9;")


def test_a_full_disk_is_said_and_what_was_kept_stays(
    parent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = Writer.add

    def full(self: Writer, number: int, *given: Any) -> None:
        if number == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        add(self, number, *given)

    monkeypatch.setattr(Writer, "add", full)
    talk = Talk(parent, tmp_path / "out", lambda words: "stop" if "rests" in words else "")
    assert talk.of("rests") == ["what it learned cannot be written (No space left on device)"]
    assert len(Reader(tmp_path / "out" / "loss-hack.trajectory")) == 3


def test_two_networks_grow_from_nothing(tmp_path: Path) -> None:
    talk = Talk(None, tmp_path / "out", lambda words: {1: "reset", 3: "stop"}.get(words.get("places", 0), ""))
    (begun,) = talk.of("begun")
    assert list(begun) == ["u", "v"]
    for tag in ("u", "v"):
        generator: Generator = io.load(Path(begun[tag]["model"]))
        reel = Reel(Path(begun[tag]["trajectory"]), generator, Resident(generator))
        assert (reel.home, len(reel)) == (0, 4)


def test_its_faders_are_the_recipes_own() -> None:
    mine = {knob.name: knob for knob in train_knobs()}
    for name in RECIPES:
        plan = load_recipe(name)
        assert isinstance(plan, Plan)
        assert name in live.EVERY
        assert ("parent" in plan.wants) == (name not in FROM_NOTHING)
        for knob in plan.knobs:
            here = mine[knob.name]
            assert (knob.kind, knob.default, knob.low, knob.high) == (here.kind, here.default, here.low, here.high)


class Rehearsal:
    """A training that does what the test says."""

    running = False
    scene: Scene | None = None

    def __init__(self) -> None:
        self.pressed: list[tuple[str, str, str]] = []

    def press(self, what: str, values: Mapping[str, float], recipe: str, model: str) -> str:
        self.pressed.append((what, recipe, model))
        self.running = True
        return "begins"

    def step(self, values: Mapping[str, float]) -> Scene | None:
        scene, self.scene = self.scene, None
        return scene


def test_the_newest_place_comes_on_stage(desk: Desk) -> None:
    whole = tree()
    knobs: list[Knob] = [whole.knob(name) for name in whole.names() if name.startswith(("tune.", "train."))]
    desk.engine.parameters.grow(knobs)
    training = Rehearsal()
    desk.director._training = training  # type: ignore[assignment]
    desk.press("train.start")
    assert training.pressed == [("start", "loss-hack", "cppn")]
    assert desk.said[-1] == "begins"
    training.scene = Scene("loss-hack", {"": ("/a/way.trajectory", "")})
    desk.director.step([])
    assert desk.models[-1] == "cppn"
    rig = desk.shelf.rigs[-1]
    assert rig is not None
    assert rig.trajectory == "/a/way.trajectory"
    assert desk.engine.parameters.get("tune.position") == 1.0
    training.scene = Scene("dataless", {"u": ("/a/u.trajectory", "/a/u"), "v": ("/a/v.trajectory", "/a/v")})
    desk.director.step([])
    assert desk.models[-1] == "/a/u"
    desk.arrive("/a/u", 1)
    assert (desk.models[-1], desk.shelf.decks[-1]) == ("/a/v", 0)
    rig = desk.shelf.rigs[-1]
    assert rig is not None
    assert rig.trajectory == "/a/v.trajectory"
