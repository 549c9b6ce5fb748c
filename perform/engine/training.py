"""`/train`: a shadow of what plays learns in a child process while the show goes on; its places come in by `tune`.

`models.training.live` is the child. This side starts it, says what the hands say, and hears what it has come to; all of
that in a thread, so that neither a slow start nor a child that hangs is ever waited for. Whatever becomes of the child,
the places that it left are on the stage and in its folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import models
from models.knobs import Knob, choice, trigger
from perform.engine.preset import user_folder
from perform.engine.problems import Problems

CHILD = [sys.executable, "-P", "-W", "ignore", "-m", "models.training.live"]
RECIPES = ("loss-hack", "dataless")
FROM_NOTHING = ("dataless",)  # begin a network of their own instead of a shadow of the one that plays
PATIENCE = 2.0  # seconds for the child to end by itself


def train_knobs() -> tuple[Knob, ...]:
    """All of the instrument, for the tree under `train`."""
    return (
        choice("recipe", RECIPES, RECIPES[0], "how it learns: against its own critic, or from nothing"),
        trigger("start", "begin to train beside the show; the newest place is tune.position 1"),
        trigger("stop", "end the training; its places stay"),
        trigger("reset", "begin anew"),
        trigger("rollback", "back to an earlier healthy place, and on from there"),
        trigger("go", "go on after a rest"),
        Knob("lr", 1.0, 0.0, 8.0, "", "times the recipe's learning rate"),
        Knob(
            "colour_weight", 1.0, 0.0, 4.0, "", "dataless: how much each network is driven to outdo the other's colours"
        ),
        Knob("seed", 0.0, 0.0, 65535.0, "", "what the next training begins with", "int"),
    )


PLAYED = ("lr", "colour_weight")


@dataclass(frozen=True, slots=True)
class Scene:
    """What a training has to show: by tag, its growing trajectory and the model that it is of ("": what plays)."""

    recipe: str
    parts: Mapping[str, tuple[str, str]] = field(default_factory=dict)


class Training:
    """At most one live training. Main thread; `step` costs microseconds.

    `line` says on the HUD how it goes, "" if none was begun.
    """

    def __init__(self, problems: Problems) -> None:
        self.line = ""
        self.folder: Path | None = None
        self.pid: int | None = None
        self._problems = problems
        self._heard: SimpleQueue[tuple[_Child, Mapping[str, Any]]] = SimpleQueue()
        self._child: _Child | None = None
        self._sent: dict[str, float] = {}

    @property
    def running(self) -> bool:
        """Whether a child is there."""
        return self._child is not None

    def press(self, what: str, values: Mapping[str, float], recipe: str, model: str) -> str:
        """A button: "start", "stop", "reset", "rollback", "go". A word for the performer.

        `model` is what plays; `values` are those of `train_knobs`.
        """
        if what != "start":
            if self._child is None:
                return "no training to " + what
            self._child.say({"do": what})
            return f"training: {what}"
        if self._child is not None:
            return "a training goes on already: train.stop ends it"
        parent = None if recipe in FROM_NOTHING else model
        if parent in models.BUILT_IN:
            return f"{parent} has no weights that could be trained"
        self.folder = _free_folder(recipe)
        request = {"recipe": recipe, "parent": parent, "out": str(self.folder), "seed": int(values.get("seed", 0.0))}
        self._sent = {}
        self._problems.clear("training")
        self.line = f"{recipe} · begins"
        self._child = _Child(request, self._heard)
        return f"{recipe} begins in {self.folder.name}"

    def step(self, values: Mapping[str, float]) -> Scene | None:
        """Once a frame: pass on what the hands say, take in what the child says. What is to come on stage, once."""
        if self._child is None:
            return None
        now = {name: values.get(name, 1.0) for name in PLAYED}
        if now != self._sent and self._child.say({"knobs": now}):
            self._sent = now
        scene = None
        while not self._heard.empty():
            child, said = self._heard.get()
            if child is self._child:
                scene = self._hear(said) or scene
        return scene

    def _hear(self, said: Mapping[str, Any]) -> Scene | None:
        assert self._child is not None
        recipe = self._child.recipe
        match said:
            case {"pid": pid}:
                self.pid = int(pid)
            case {"begun": parts}:
                return Scene(recipe, {tag: (str(one["trajectory"]), str(one["model"])) for tag, one in parts.items()})
            case {"step": step, "places": places, "losses": losses}:
                told = " · ".join(f"{name} {value:.2f}" for name, value in losses.items())
                self.line = f"{recipe} · step {step} · {places} places · {told}"
                self._problems.clear("training")
            case {"rolled_back": step}:
                self.line = f"{recipe} · back at step {step}"
                self._problems.clear("training")
            case {"alarm": alarms, "step": step}:
                self._problems.report(
                    "training", f"{' and '.join(alarms)} at step {step}: the last healthy place stands"
                )
            case {"rests": why}:
                self.line = f"{recipe} · rests"
                text = f"{recipe} rests: {why}. The last healthy place stands; train.rollback goes back, train.go on"
                self._problems.report("training", text)
            case {"ended": why}:
                self._end(str(why), bool(said.get("bad")))
        return None

    def _end(self, why: str, bad: bool) -> None:
        self._child, self.pid, self.line = None, None, ""
        if bad:
            self._problems.report("training", f"{why}. The show goes on; train.start begins again")
        else:
            self._problems.clear("training")

    def close(self) -> None:
        """End the child with the show. Waits for `PATIENCE` at most."""
        if self._child is not None:
            self._child.close()
            self._child = None


class _Child:
    """The process, and the thread that starts and hears it."""

    def __init__(self, request: Mapping[str, Any], heard: SimpleQueue[tuple[_Child, Mapping[str, Any]]]) -> None:
        self.recipe = str(request["recipe"])
        self._request, self._heard = request, heard
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="training", daemon=True)
        self._thread.start()

    def say(self, words: Mapping[str, Any]) -> bool:
        """Pass on a line; whether the child took it. Never waits: a child that does not listen misses it."""
        process = self._process
        if process is None or process.stdin is None:
            return False
        try:
            return os.write(process.stdin.fileno(), json.dumps(words).encode() + b"\n") > 0
        except (OSError, ValueError):  # it is gone, or its pipe is full
            return False

    def close(self) -> None:
        """End it: by the end of its input, and by force where that is not enough."""
        self._closed = True
        process = self._process
        if process is None:
            return
        with contextlib.suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
        self._thread.join(PATIENCE)

    def _work(self) -> None:
        folder = Path(str(self._request["out"]))
        ended: Mapping[str, Any] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "live.log").open("wb") as log:
                ended = self._run(log)
        except OSError as error:
            ended = {"ended": f"no training can begin in {folder} ({error.strerror})", "bad": True}
        self._heard.put((self, ended))

    def _run(self, log: Any) -> Mapping[str, Any]:
        """From its start to its end; how that came."""
        environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(Path(models.__file__).parents[1]), environment.get("PYTHONPATH", "")]
        )
        ended: Mapping[str, Any] = {}
        with subprocess.Popen(
            CHILD, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, bufsize=0
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            os.write(process.stdin.fileno(), json.dumps(self._request).encode() + b"\n")
            os.set_blocking(process.stdin.fileno(), False)
            self._process = process
            if self._closed:
                process.kill()
            self._heard.put((self, {"pid": process.pid}))
            for line in _lines(process.stdout):
                with contextlib.suppress(ValueError):
                    said = json.loads(line)
                    if "ended" in said:
                        ended = said
                    else:
                        self._heard.put((self, said))
        status = process.returncode
        why = f"the training ended by itself (status {status}); {log.name} may say why"
        return ended or {"ended": why, "bad": True}


def _lines(pipe: Any) -> Any:
    """Whole lines of an unbuffered pipe, until it ends."""
    rest = b""
    while piece := pipe.read(1 << 16):
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole


def _free_folder(recipe: str) -> Path:
    """A folder for a training that does not exist yet, among the user's own."""
    place, count = user_folder().parent / "training", 1
    while (place / f"{recipe}-{count}").exists():
        count += 1
    return place / f"{recipe}-{count}"
