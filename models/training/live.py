"""Training beside a show: the child process that trains a shadow copy while the network plays.

    python -P -m models.training.live          # a request as one line of JSON on standard input, then commands

It goes last on the machine (nice 19, one thread) and ends when standard input does, so that no show leaves it behind.
What it has learned it writes as a growing trajectory (`models.tuning.trajectory`), a place only after the guard has
looked at its pictures; the show plays that. A place is only ever added: after a rollback the weights of earlier are one
more place, so the trajectory is what was seen that evening. Everything else is a run as any (`models.training.run`),
its folder too.

Commands, a line each: {"knobs": {"lr": 2.0}}, {"do": "rollback" | "reset" | "go" | "stop"}. It answers on standard
output: {"begun": {tag: {"trajectory": file, "model": file or ""}}}, {"step": n, "places": n, "losses": {...}},
{"alarm": [...], "step": n}, {"rests": why}, {"ended": why}.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from models.generators import Generator
    from models.guard import Guard
    from models.training.running import Run
    from models.tuning.trajectory import Writer

EVERY = {"loss-hack": 4, "dataless": 10}  # recipes that can be trained live, and steps between two places
NICENESS = 19
FOREVER = 10_000_000  # steps
CHECKPOINTS = 10  # places between two checkpoints, to which a rollback goes
PICTURES = 8  # that the guard looks at
MOST_BAD = 3  # places in a row with an alarm before it rests

Say = Callable[[Mapping[str, Any]], None]


class Commands:
    """What the show says, taken in by a thread of its own. The end of standard input is the end of the process."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self.knobs: dict[str, float] = {}
        self.waiting: SimpleQueue[str] = SimpleQueue()

    def listen(self) -> None:
        """Take in commands until the show is gone."""
        for line in sys.stdin:
            with suppress(ValueError, AttributeError, TypeError):  # a line that is none is passed over
                said = json.loads(line)
                self.knobs |= {str(name): float(value) for name, value in said.get("knobs", {}).items()}
                if "do" in said:
                    self.waiting.put(str(said["do"]))
        os._exit(0)  # nothing of a half-done step is wanted any more


@dataclass
class Shown:
    """One network that goes on stage, and its growing trajectory."""

    network: Generator
    writer: Writer
    guard: Guard
    model: str


class Stage:
    """What reaches the stage of a run: places that the guard has passed. `on_step` and `knobs` are the run's."""

    def __init__(
        self, request: Mapping[str, Any], plan_knobs: Mapping[str, float], commands: Commands, say: Say
    ) -> None:
        self._request, self._defaults, self._commands, self._say = request, plan_knobs, commands, say
        self._every = EVERY[str(request["recipe"])]
        self._shown: dict[str, Shown] = {}
        self._places, self._bad, self._reset = 0, 0, False
        self._good: list[str] = []  # checkpoints of healthy places, old to new

    def knobs(self, number: int) -> Mapping[str, float]:
        """The values of a step."""
        now = {name: self._commands.knobs.get(name, value) for name, value in self._defaults.items()}
        if "reset" in now:
            now["reset"], self._reset = float(self._reset), False
        return now

    def on_step(self, run: Run) -> None:
        """After each step: commands, and every few steps a place."""
        if not self._shown:
            self._open(run)
        while not self._commands.waiting.empty():
            self._obey(run, self._commands.waiting.get())
        if run.number % self._every == 0 and not run.stopped:
            self._place(run)

    def _open(self, run: Run) -> None:
        """Begin the trajectories: with the parent as it came, or with what was there after the first step."""
        from models.checkpoints import io
        from models.tuning.trajectory import Writer

        parent = run.setting.parent
        for tag, name in staged(run).items():
            network = cast("Generator", run.method.networks[name])
            stem = "-".join(part for part in (run.plan.name, tag) if part)
            header = {"architecture": network.architecture, "config": network.config, "recipe": run.plan.name,
                      "seed": run.setting.seed, "parent_name": self._request.get("parent")}  # fmt: skip
            first, model = parent, ""
            if parent is None:
                first, model = network, str(run.out / f"{stem}-0.safetensors")  # the run leaves {stem} at its end
                card = {"description": f"{stem}, grown on stage", "recipe": run.plan.name, "seed": run.setting.seed}
                io.save(Path(model), network, card)
            assert first is not None
            writer = Writer(run.out / f"{stem}.trajectory", cast(Any, first).state_dict(), header)
            self._shown[tag] = Shown(network, writer, self._home(first, parent is not None), model)
        begun = {tag: {"trajectory": str(one.writer.path), "model": one.model} for tag, one in self._shown.items()}
        self._say({"begun": begun})

    def close(self) -> None:
        """Close the files."""
        for one in self._shown.values():
            one.writer.close()

    def _home(self, network: Generator, trained: bool) -> Guard:
        """The guard for a trained network is its own look; what grows from nothing has no home."""
        from models.guard import Guard, look, pictures_of

        return Guard(look(pictures_of(network, PICTURES)) if trained else None)

    def _place(self, run: Run) -> None:
        """One more place on every trajectory, if the guard lets all of them pass."""
        from models.guard import look, pictures_of

        alarms: tuple[str, ...] = ()
        readings = {}
        for tag, one in self._shown.items():
            seen = look(pictures_of(one.network, PICTURES))
            alarms += one.guard.judge(seen)
            readings[tag] = {"diversity": seen.diversity, "saturated": seen.saturated, "step": float(run.number)}
        if alarms and not self._young(run, alarms):
            self._bad += 1
            self._say({"alarm": sorted(set(alarms)), "step": run.number})
            if self._bad >= MOST_BAD:
                self._rest(run, f"{' and '.join(sorted(set(alarms)))} at step {run.number}")
            return
        self._bad = 0
        try:
            for tag, one in self._shown.items():
                one.writer.add(self._places + 1, cast(Any, one.network).state_dict(), readings[tag])
            self._places += 1
            if self._places % CHECKPOINTS == 0:
                name = run.ring.name_of(run.number)
                run.ring.save(name, run._parts())
                self._good = [*(one for one in self._good if one in run.ring.names()), name]
        except OSError as error:
            self._rest(run, f"what it learned cannot be written ({error.strerror})")
            return
        self._say({"step": run.number, "places": self._places, "losses": run.losses})

    def _young(self, run: Run, alarms: tuple[str, ...]) -> bool:
        """Whether a network that began with nothing may still look like nothing."""
        return run.setting.parent is None and not self._good and "not finite" not in alarms

    def _rest(self, run: Run, why: str) -> None:
        """Stand still until the show says what to do."""
        self._say({"rests": why})
        self._bad = 0
        while not self._obey(run, self._commands.waiting.get()):
            pass

    def _obey(self, run: Run, word: str) -> bool:
        """Do what the show says; whether that ends a rest."""
        if word == "stop":
            run.stop("asked")
        elif word == "reset" and "reset" in self._defaults:
            self._reset, self._good = True, []
        elif word in ("reset", "rollback"):
            name = self._good.pop() if self._good and word == "rollback" else "start"
            run.rollback(name if name in run.ring.names() else "start")
            self._say({"rolled_back": run.number})
        else:
            return word == "go"
        return True


def staged(run: Run) -> dict[str, str]:
    """Which networks of a run are seen, by a tag: "" for the only one; "u" beside those that a recipe names itself."""
    others: Mapping[str, str] = getattr(run.method, "played", {})
    if run.setting.parent is not None or not others:
        return {"": run.method.shown}
    return {"u": run.method.shown, **others}


def _size(parent: str | None, usual: int) -> int:
    """The side of the pictures that it learns from: the recipe's, or the parent's where that is smaller."""
    import models
    from models.checkpoints import io

    if parent is None:
        return usual
    return min(usual, int(io.read_header(models.path_of(parent)[0]).config.get("img_resolution", usual)))


def train(request: Mapping[str, Any], commands: Commands, say: Say) -> str:
    """Train until told to stop; why it ended. Raises Refused, Halted."""
    from models.training import load_recipe
    from models.training.method import Plan
    from models.training.run import run

    plan = load_recipe(str(request["recipe"]))
    assert isinstance(plan, Plan)
    size = request.get("resolution") or _size(request.get("parent"), plan.resolution)
    plan = replace(plan, steps=FOREVER, record_every=FOREVER, save_every=FOREVER, sheet_every=FOREVER)
    stage = Stage(request, {knob.name: knob.default for knob in plan.knobs}, commands, say)
    try:
        result = run(
            plan, Path(request["out"]), parent=request.get("parent"), seed=int(request.get("seed", 0)),
            resolution=size, batch=request.get("batch"), options=request.get("options") or {},
            on_step=stage.on_step, knobs=stage.knobs, guard=False, resume=False, progress=False,
        )  # fmt: skip
    finally:
        stage.close()
    return f"stopped at step {result.steps}; what it learned is in {result.folder}"


def main() -> int:
    """The whole of the child."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    voice = threading.Lock()

    def say(words: Mapping[str, Any]) -> None:
        with voice:
            sys.stdout.write(json.dumps(words) + "\n")
            sys.stdout.flush()

    request = json.loads(sys.stdin.readline())
    commands = Commands(say)
    threading.Thread(target=commands.listen, daemon=True).start()
    import torch

    from models.checkpoints import Refused

    torch.set_num_threads(1)
    try:
        from models.training.running import Halted
    except ModuleNotFoundError as error:
        say({"ended": f"training needs {error.name}: pip install 'perform[train]'", "bad": True})
        return 1
    try:
        why = train(request, commands, say)
    except (Refused, Halted, OSError) as error:
        say({"ended": str(error), "bad": True})
        return 1
    say({"ended": why})
    return 0


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        sys.exit(main())
