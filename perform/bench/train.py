"""`perform bench train`: what live training costs the show, turn by turn in one run."""

from __future__ import annotations

import os
import signal
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

from perform.app import Options, Show, open_show
from perform.engine.clock import Tick, machine_time
from perform.engine.latency import Gauge
from perform.engine.problems import UserError
from perform.engine.worker import Worker

if TYPE_CHECKING:
    from perform.bench.report import Row

TURN = 4.0  # seconds with the child at work, then without
SETTLED = 0.5  # seconds of a turn that are not counted
PATIENCE = 180.0  # seconds for the child's first place


def bench_train(options: Options, recipe: str, seconds: float) -> list[Row]:
    """Play a show; begin a live training; then let its child work and rest (SIGSTOP) in turns for `seconds`.

    A row for each: pictures of the network and frames on the wall a second, milliseconds from one picture to the next
    (median, 99 of 100), and how many places the training has come to. UserError where processes cannot be halted, or
    no training begins.
    """
    if not hasattr(signal, "SIGSTOP"):
        raise UserError("this system cannot halt a process; nothing can be compared")
    with (
        tempfile.TemporaryDirectory() as home,  # what is learned here is nobody's
        patch.dict(os.environ, {"PERFORM_HOME": home}),
        open_show(options) as show,
    ):
        show.parameters.set("train.recipe", recipe)
        _play(show, lambda: show.worker.made > 5 and show.chain.ready and not show.loader.quickening, 120.0)
        show.parameters.set("train.start", 1.0)
        _play(show, lambda: "places" in show.training.line or "training" in show.problems.current, PATIENCE)
        pid = show.training.pid
        if pid is None or "places" not in show.training.line:
            said = show.problems.current.get("training")
            raise UserError(said.text if said else "the training has not begun in time")
        _play(show, lambda: not show.loader.quickening and show.parameters.get("deck.mix") in (0.0, 1.0), 120.0)
        turns: dict[bool, list[_Turn]] = {True: [], False: []}
        began = machine_time()
        try:
            while machine_time() - began < seconds or len(turns[False]) < 2:
                for working in (True, False):
                    os.kill(pid, signal.SIGCONT if working else signal.SIGSTOP)
                    _play(show, lambda: False, SETTLED)
                    turns[working].append(_turn(show))
        finally:
            os.kill(pid, signal.SIGCONT)
        line = show.training.line
        return [
            _row(show, recipe, "training", turns[True], line), _row(show, recipe, "without", turns[False], line),
        ]  # fmt: skip


class _Turn:
    """What was counted in one."""

    def __init__(self, made: float, painted: float, gaps: list[float]) -> None:
        self.made, self.painted, self.gaps = made, painted, gaps


def _turn(show: Show) -> _Turn:
    assert isinstance(show.worker, Worker)
    made, painted = show.worker.made, show.engine.frame_times.count
    show.worker.gaps = Gauge(4096)
    began = machine_time()
    _play(show, lambda: False, TURN - SETTLED)
    lasted = machine_time() - began
    gaps = show.worker.gaps.recent().tolist()
    return _Turn((show.worker.made - made) / lasted, (show.engine.frame_times.count - painted) / lasted, gaps)


def _play(show: Show, done: Callable[[], bool], seconds: float) -> None:
    """Frames until it is so, or the time is up."""
    end = machine_time() + seconds

    def going(tick: Tick) -> bool:
        return show.going(tick) and not done() and machine_time() < end

    show.engine.run(going)


def _row(show: Show, recipe: str, name: str, turns: list[_Turn], line: str) -> Row:
    gaps = sorted(gap for turn in turns for gap in turn.gaps)
    return {
        "recipe": recipe,
        "child": name,
        "turns": len(turns),
        "model": Path(show.loader.loaded).stem,
        "manner": show.loader.manner,
        "network_fps": round(statistics.mean(turn.made for turn in turns), 1),
        "wall_fps": round(statistics.mean(turn.painted for turn in turns), 1),
        "gap_ms": round(statistics.median(gaps) * 1e3, 1),
        "gap_p99_ms": round(gaps[int(0.99 * (len(gaps) - 1))] * 1e3, 1),
        "came_to": line.split(" · ")[1],
    }
