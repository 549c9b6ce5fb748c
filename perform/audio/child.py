"""A capture child: a process with a ring of its own, which waits for its order.

Most of the time that a child takes to bring sound is Python's own start (a quarter of a second of work, several times
that where processors are busy). So a child is started first and told later what to do: `AudioDevice` keeps one ready
beside the one that plays, and a sound server that comes back is met by a process that is there already. Until its order
a child touches no sound system and costs nothing but its memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from perform.audio.ring import Ring
from perform.engine.clock import machine_time, sleep

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Order:
    """What a child shall do. `what` and `name`, `channels`, `loop` are those of `device.Wanted`; `start` is the frame
    of a file to go on from, `was_heard` says that an output played it before."""

    what: str
    name: str = ""
    channels: str = ""
    loop: bool = True
    start: int = 0
    was_heard: bool = False

    @classmethod
    def read(cls, text: bytes) -> Order:
        """The order that `Child.order` wrote. Raises ValueError or TypeError where it is none."""
        return cls(**json.loads(text))

    def line(self) -> bytes:
        """As one line for the child's standard input."""
        return json.dumps(asdict(self)).encode() + b"\n"


class Child:
    """The process and its ring. Each child has a ring of its own, so one that hangs in the kernel can never write into
    the sound of the next. One thread. Raises OSError where a process or shared memory is not to be had."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.ring = Ring.create()
        shared = (int(self.ring.handle),) if self.ring.handle.isdigit() else ()
        self.process = subprocess.Popen(
            command("--ring", self.ring.handle), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, pass_fds=shared, env=dict(env), bufsize=0,
            start_new_session=True,  # Ctrl-C is for the parent
        )  # fmt: skip

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def order(self, order: Order) -> None:
        """Tell it what to do; once. A child that is gone is noticed by `alive`."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.write(order.line())

    def leave(self) -> None:
        """Ask it to go: it parts from the sound server, if that does not take long."""
        if self.process.stdin is not None:
            self.process.stdin.close()

    def kill(self) -> None:
        """Make it go."""
        self.process.kill()
        self.leave()


def wait_for(children: list[Child], limit: float) -> None:
    """Until all are gone, at most `limit` seconds."""
    end = machine_time() + limit
    while any(child.alive for child in children) and machine_time() < end:
        sleep(0.005)


def command(*arguments: str) -> list[str]:
    """How the capture program is called."""
    return [sys.executable, "-m", "perform.audio.capture", *arguments]


def child_environment(env: Mapping[str, str] | None) -> dict[str, str]:
    """The child finds this very package wherever it is started, and numpy takes no threads it does not need."""
    merged = dict(os.environ if env is None else env)
    path = merged.get("PYTHONPATH", "")
    merged["PYTHONPATH"] = f"{_ROOT}{os.pathsep}{path}" if path else str(_ROOT)
    merged.setdefault("OPENBLAS_NUM_THREADS", "1")
    return merged
