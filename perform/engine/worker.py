"""The generator's thread: it takes the newest values and makes a frame, over and over. Newest wins, nothing queues.

`Worker` is the show's; `InlineWorker` makes each frame at once on the calling thread, for the fixed clock. Both are the
same to the loop. A renderer (what really makes the picture) is installed from outside at any time and takes effect
between two frames; until there is one, there is no frame, and the wall shows its standby picture.
"""

from __future__ import annotations

import threading
from typing import Protocol

from perform.engine.clock import Clock
from perform.engine.frame import Frame, Request, Slot
from perform.engine.latency import Gauge
from perform.engine.problems import Problems

STALL = 2.0  # seconds without a frame before the HUD says so


class Renderer(Protocol):
    """Makes a frame from a request. Called from one thread only."""

    @property
    def name(self) -> str:
        """What plays, in a word."""
        ...

    @property
    def device(self) -> object:
        """Where it computes, in a word: "cpu", "cuda:0"."""
        ...

    def render(self, request: Request) -> Frame: ...


class Maker(Protocol):
    """What the loop needs of a worker."""

    made: int
    gauge: Gauge
    renderer: Renderer | None

    def install(self, renderer: Renderer) -> None:
        """Use another renderer from the next frame on. Any thread."""
        ...

    def ask(self, request: Request) -> None:
        """Replace what the next frame is made from. Main thread; never waits."""
        ...

    def newest(self) -> Frame | None:
        """The newest frame there is, the same one until there is a newer. Main thread; never waits."""
        ...

    def quiet_for(self) -> float:
        """Seconds that a request has waited for its frame, 0 where nothing waits. Main thread."""
        ...

    def close(self) -> None: ...


class Worker:
    """A thread around a renderer.

    An exception in the renderer leaves the last good frame standing and is reported as part "generator"; the next
    request tries again. `bell` is rung when a frame is made. `gaps` are the seconds from one frame's end to the next's.
    """

    def __init__(self, clock: Clock, problems: Problems, bell: threading.Event | None = None) -> None:
        self.made = 0
        self.gauge = Gauge()
        self.gaps = Gauge(4096)
        self.renderer: Renderer | None = None
        self._clock = clock
        self._problems = problems
        self._bell = bell or threading.Event()
        self._requests: Slot[Request] = Slot()
        self._frames: Slot[Frame] = Slot()
        self._latest: Frame | None = None
        self._wake = threading.Event()
        self._running = True
        self._busy, self._since, self._made_at = False, 0.0, 0.0
        self._thread = threading.Thread(target=self._work, name="generator", daemon=True)
        self._thread.start()

    def install(self, renderer: Renderer) -> None:
        self._since = self._clock.now()
        self.renderer = renderer

    def ask(self, request: Request) -> None:
        if not self._busy:
            self._busy, self._since = True, self._clock.now()
        self._requests.put(request)
        self._wake.set()

    def newest(self) -> Frame | None:
        frame = self._frames.take()
        if frame is not None:
            self._latest = frame
        return self._latest

    def quiet_for(self) -> float:
        return self._clock.now() - self._since if self._busy and self.renderer is not None else 0.0

    def close(self) -> None:
        """Stop after the frame in the making. A renderer that hangs is left behind (the thread is a daemon)."""
        self._running = False
        self._wake.set()
        self._thread.join(timeout=1.0)

    def _work(self) -> None:
        while self._running:
            self._wake.wait()
            self._wake.clear()
            request, renderer = self._requests.take(), self.renderer
            if request is None or renderer is None:
                continue
            frame = guarded(renderer, request, self._problems)
            if frame is not None:
                self._frames.put(frame)
                now = self._clock.now()
                self.gaps.add(now - self._made_at)
                self._busy, self._since, self._made_at = False, now, now
                self.gauge.add(frame.made_in)
                self.made += 1
                self._bell.set()


class InlineWorker:
    """Makes the frame for each request at once: the worker of the fixed clock."""

    def __init__(self, clock: Clock, problems: Problems) -> None:
        self.made = 0
        self.gauge = Gauge()
        self.renderer: Renderer | None = None
        self._clock = clock
        self._problems = problems
        self._latest: Frame | None = None

    def install(self, renderer: Renderer) -> None:
        self.renderer = renderer

    def ask(self, request: Request) -> None:
        if self.renderer is not None:
            frame = guarded(self.renderer, request, self._problems)
            if frame is not None:
                self._latest = frame
                self.gauge.add(frame.made_in)
                self.made += 1

    def newest(self) -> Frame | None:
        return self._latest

    def quiet_for(self) -> float:
        return 0.0

    def close(self) -> None:
        return None


def guarded(renderer: Renderer, request: Request, problems: Problems) -> Frame | None:
    """One frame, or None and a report when the renderer fails: the show keeps its last good frame."""
    try:
        frame = renderer.render(request)
    except Exception as error:  # noqa: BLE001 - whatever a network does, the picture must not stop
        problems.report("generator", f"{renderer.name} failed ({error}); the last good frame stands. Press home")
        return None
    problems.clear("generator", f"{renderer.name} plays again")
    return frame
