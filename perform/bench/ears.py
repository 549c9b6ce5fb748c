"""A sound server that dies again and again under a show: `perform bench ears`.

A private PulseAudio server with a null sink carries the built-in track into the show's capture child. It is killed
without a word and started anew; what counts is that no picture of the show is late for it, and how soon after the
server the sound is back. The hand that kills is a process of its own, so that it takes nothing from the show.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from perform.app import Options, Show, open_show
from perform.audio.dummy import PulseServer
from perform.audio.ear import LiveEar
from perform.bench.report import Row
from perform.engine.clock import Tick, machine_time, sleep

SETTLE, CALM = 3.0, 8.0  # seconds for all to be there, and of undisturbed show to compare with
LATE = 1.5  # a picture is missed where it comes this many periods after the last one

KILLER = """
import sys
from pathlib import Path
from perform.audio.dummy import PulseServer
from perform.audio.track import builtin_file
server = PulseServer(Path(sys.argv[1]))
print("ready", flush=True)
for order in sys.stdin:
    if order == "start\\n":
        server.start()
        server.play(builtin_file())
        print("started", flush=True)
    elif order == "kill\\n":
        server.kill()
        print("killed", flush=True)
"""


class Killer:
    """The process that starts and kills the server; `tell` and `answered` never wait."""

    def __init__(self, folder: str) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-c", KILLER, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        assert self._child.stdout is not None
        self._child.stdout.readline()
        os.set_blocking(self._child.stdout.fileno(), False)

    def tell(self, order: str) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(f"{order}\n".encode())

    def answered(self) -> bool:
        assert self._child.stdout is not None
        return bool(self._child.stdout.read())

    def close(self) -> None:
        self.tell("kill")
        assert self._child.stdin is not None
        self._child.stdin.close()
        assert self._child.stdout is not None
        self._child.stdout.close()
        self._child.wait(20)


@dataclass
class Ordeal:
    """What happens, frame by frame. `gone` and `back` are seconds, one for each kill: until the loss was said, and from
    the answering server to the first sound in the ring."""

    show: Show
    killer: Killer
    kills: int
    state: str = "begin"
    since: float = 0.0
    gone: list[float] = field(default_factory=list)
    back: list[float] = field(default_factory=list)
    calm: list[float] = field(default_factory=list)
    rough: list[float] = field(default_factory=list)

    def step(self, tick: Tick) -> bool:
        """One frame; whether to go on."""
        now = machine_time()
        lasted = now - self.since
        if self.state in ("calm", "play", "killing", "lost", "starting", "waiting"):
            (self.calm if self.state == "calm" else self.rough).append(tick.dt)
        match self.state:
            case "begin" if self.show.chain.ready and tick.time > SETTLE and self._hears():
                self._turn("calm", now)
            case "calm" if lasted > CALM:
                self._turn("play", now)
            case "play" if lasted > 0.5:
                if len(self.back) >= self.kills:
                    return False
                self.killer.tell("kill")
                self._turn("killing", now)
            case "killing" if self.killer.answered():
                self._turn("lost", now)
            case "lost" if "sound" in self.show.problems.current:
                self.gone.append(lasted)
                self.killer.tell("start")
                self._turn("starting", now)
            case "starting" if self.killer.answered():
                self._turn("waiting", now)
            case "waiting" if self._hears():
                self.back.append(lasted)
                self._turn("play", now)
        return now - self.since < (90.0 if self.state == "begin" else 30.0)

    def _turn(self, state: str, now: float) -> None:
        self.state, self.since = state, now

    def _hears(self) -> bool:
        """Whether sound that is no silence comes in now."""
        return "sound" not in self.show.problems.current and self.show.engine.signals.get("audio.rms.raw") > 0.2


def bench_ears(options: Options, kills: int = 20) -> list[Row]:
    """Play with a sound server that is killed `kills` times. Raises UserError without PulseAudio."""
    with tempfile.TemporaryDirectory(prefix="perform-bench-") as folder:
        killer = Killer(folder)
        try:
            with environment(PulseServer(Path(folder)).env):
                killer.tell("start")
                while not killer.answered():
                    sleep(0.02)
                with open_show(replace(options, audio="default")) as show:
                    assert isinstance(show.ear, LiveEar)
                    ordeal = Ordeal(show, killer, kills, since=machine_time())
                    show.engine.run(lambda tick: show.going(tick) and ordeal.step(tick))
                    return [_row(ordeal)]
        finally:
            killer.close()


def _row(ordeal: Ordeal) -> Row:
    usual = float(np.median(ordeal.calm or [1.0]))
    calm, rough = (np.array(one or [0.0]) for one in (ordeal.calm, ordeal.rough))
    back = np.array(ordeal.back or [float("nan")])
    return {
        "kills": len(ordeal.back),
        "frames": len(rough),
        "missed": int((rough > LATE * usual).sum()),
        "missed_percent": 100.0 * float((rough > LATE * usual).mean()),
        "calm_frames": len(calm),
        "calm_missed": int((calm > LATE * usual).sum()),
        "calm_missed_percent": 100.0 * float((calm > LATE * usual).mean()),
        "frame_ms": float(np.median(rough)) * 1e3,
        "frame_max_ms": float(rough.max()) * 1e3,
        "calm_frame_max_ms": float(calm.max()) * 1e3,
        "said_after_s": float(np.max(ordeal.gone or [float("nan")])),
        "back_s_median": float(np.median(back)),
        "back_s_max": float(back.max()),
        "target_back_s": 1.5,
    }


@contextmanager
def environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """The process's environment as `wanted`, for the children that are started within."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
