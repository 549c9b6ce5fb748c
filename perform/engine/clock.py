"""Time as an argument. The only module of the program that reads a clock (tests/test_architecture.py proves it).

A `Clock` gives one `Tick` per frame. `WallClock` is the show; `FixedClock` renders a file and runs the tests: with it
two runs give equal frames. Everything that moves integrates `tick.dt`, so nothing depends on the frame rate.

Times are seconds since the clock's `origin`. `origin` itself is in the time of `machine_time()`, which all processes of
one machine share; a child process stamps with `machine_time()` and the parent subtracts `origin`.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Tick:
    """One frame's moment: its number, its time and the time since the last one (seconds)."""

    index: int
    time: float
    dt: float


class Clock(Protocol):
    """What the loop needs of time. `now` may be called from any thread, the others only from the main thread."""

    origin: float

    def now(self) -> float:
        """Seconds since the show began."""
        ...

    def tick(self) -> Tick:
        """Begin the next frame."""
        ...

    def left(self) -> float:
        """Seconds until the next frame is due, 0 where nothing has to be waited for."""
        ...


def machine_time() -> float:
    """Seconds on the clock that all processes of this machine share (monotonic, arbitrary zero)."""
    return time.perf_counter()


def thread_time() -> float:
    """Seconds of processor time that the calling thread has used, for benchmarks."""
    return time.thread_time()


def process_time() -> float:
    """Seconds of processor time of this process and the children it has waited for, for benchmarks."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def sleep(seconds: float) -> None:
    """Give the processor away for about this long. For workers, never on the main thread's way to a frame."""
    time.sleep(max(0.0, seconds))


def date() -> str:
    """The calendar date and time, for the names of files that the user keeps (`20261122-052200`)."""
    return time.strftime("%Y%m%d-%H%M%S")


class WallClock:
    """Real time, at most `fps` frames a second.

    Where the display's own vertical sync already holds the loop back, the next frame is due as soon as the last one is
    shown; where there is no sync (a virtual display, some drivers) the loop waits for `left` seconds. After a long
    stall the schedule starts anew instead of hurrying to catch up.
    """

    def __init__(self, fps: float = 60.0) -> None:
        if not fps > 0:
            raise ValueError(f"fps must be above 0, not {fps}")
        self.period = 1.0 / fps
        self.origin = time.perf_counter()
        self._index = -1
        self._last = 0.0
        self._due = 0.0

    def limit(self, fps: float) -> None:
        """From now on at most `fps` frames a second, if that is fewer. Main thread."""
        self.period = max(self.period, 1.0 / fps)

    def now(self) -> float:
        return time.perf_counter() - self.origin

    def tick(self) -> Tick:
        now = self.now()
        self._index += 1
        dt = now - self._last if self._index else self.period
        self._last = now
        self._due = max(self._due, now - self.period) + self.period
        return Tick(self._index, now, dt)

    def left(self) -> float:
        return max(0.0, self._due - self.now())


class FixedClock:
    """Frame `n` is at exactly `n / fps` seconds, however long it takes to make."""

    def __init__(self, fps: float = 60.0) -> None:
        if not fps > 0:
            raise ValueError(f"fps must be above 0, not {fps}")
        self.period = 1.0 / fps
        self.fps = fps
        self.origin = 0.0
        self._index = -1

    def now(self) -> float:
        return max(self._index, 0) / self.fps

    def tick(self) -> Tick:
        self._index += 1
        return Tick(self._index, self._index / self.fps, self.period)

    def left(self) -> float:
        return 0.0
