"""One frame, written out. Everything else in the program is one of the parts named here.

sound, hands  ->  events  ->  signals  ->  values  ->  generator  ->  frame  ->  shaders  ->  wall
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from models.rewriting.glitch import History
from perform.engine.beat import BeatClock, wish_of
from perform.engine.clock import Clock, Tick, sleep
from perform.engine.frame import Frame, Request
from perform.engine.latency import Gauge, LatencyMeter
from perform.engine.parameters import Parameters, Part, Values
from perform.engine.patch import Patch
from perform.engine.problems import Problems, ShowStopped, UserError
from perform.engine.signals import Event, Signals, Source
from perform.engine.walk import Traveller
from perform.engine.worker import Maker

BELL_REST = 0.002  # seconds


class Stage(Protocol):
    """Where frames become light: texture, shaders, HUD, recorder, window."""

    def draw(self, frame: Frame | None, values: Values, tick: Tick) -> None:
        """Put one picture on the wall. Main thread; must not wait for anything but the display's own sync."""
        ...


class Abandoned(Exception):  # no error
    """Raised through a stage that is drawing; `Engine.step` takes it."""


class Engine:
    """The parts of a show and the order in which a frame goes through them. Main thread.

    `patch` may be replaced between two frames (a preset change). `direct` is called each frame with the names of the
    buttons that fired, before the values are worked out, so that a change they make is in this frame. `bell` is rung
    by the sources when a hand moves, and by the worker when a frame is made. `hold` is how many seconds a frame may be
    put off for a picture that answers a hand and is just being made: for slow painters, where missing it costs more.
    """

    def __init__(
        self,
        clock: Clock,
        sources: Sequence[Source],
        parameters: Parameters,
        worker: Maker,
        stage: Stage,
        *,
        direct: Callable[[Sequence[str]], None],
        problems: Problems,
        strict: bool = False,
        bell: threading.Event | None = None,
    ) -> None:
        self.clock, self.sources, self.parameters = clock, list(sources), parameters
        self.worker, self.stage = worker, stage
        self.direct, self.problems, self.strict = direct, problems, strict
        self.signals = Signals()
        self.beat = BeatClock(problems)
        self.patch = Patch((), parameters)
        self.traveller = Traveller()
        self.history = History()
        self.stores: tuple[tuple[int, int], ...] = ()
        self.latency = LatencyMeter()
        self.frame_times = Gauge(1024)
        self.own_time = Gauge(1024)
        self.bell = bell or threading.Event()
        self.hold = 0.0
        self._left_off, self._unshown = False, 0.0
        self._later: Request | None = None
        self.serial = 0
        self.last_tick = Tick(-1, 0.0, 0.0)

    def step(self) -> Tick:
        """One frame."""
        tick = self.last_tick = self.clock.tick()
        began = self.clock.now()
        values = self.ask(tick, later=self.hold > 0.0)
        frame = self.worker.newest()
        self.own_time.add(self.clock.now() - began)
        self._unshown += tick.dt
        try:
            self.stage.draw(frame, values, tick)
            self._drawn(frame)
        except Abandoned:
            self._left_off = True
        return tick

    def _drawn(self, frame: Frame | None) -> None:
        """The picture is on the wall: what waited for it, and the figures."""
        if self._later is not None:
            self.worker.ask(self._later)
            self._later = None
        self._left_off = False
        self.latency.presented(frame.serial if frame else -1, self.clock.now())
        self.frame_times.add(self._unshown)
        self._unshown = 0.0

    def ask(self, tick: Tick, only_hands: bool = False, buttons: bool = True, later: bool = False) -> Values:
        """Events to signals to values; the generator is asked for a picture of them (`only_hands`: if a hand moved).

        Without `buttons` those wait for the next frame: what they change may just be in use. With `later` the generator
        is asked when this frame is painted, if no hand waits: where painting and the network share few cores, one after
        the other is quicker than both at once, and the picture is there for the next frame all the same.
        """
        heard = [event for source in self.sources for event in source.poll(tick)]
        events = self.beat.step(heard, tick, wish_of(self.parameters))
        self.signals.update(events, tick.dt)
        self.serial += 1
        moved = self.touch(events)
        if buttons:
            self.direct(self.parameters.fired())
        values = self.patch.play(self.signals, self.parameters, tick.dt)
        position = self.traveller.step(values, self.signals.get("beat.bpm"), tick.dt)
        if values.flag("freeze"):
            self.latency.forget()
        elif moved or not only_hands:
            glitches = self.history.sounding(Part(values, "rewrite."))
            request = Request(tick, values, position, self.serial, glitches, self.stores)
            waits = later and not moved and self._later is None  # else the last painting failed: ask at once
            self._later = request if waits else None
            if self._later is None:
                self.worker.ask(request)
        return values

    def store(self, slot: int) -> None:
        """Have the place of the next frame kept in a slot."""
        number = self.stores[-1][0] + 1 if self.stores else 1
        self.stores = (*self.stores[-15:], (number, slot))

    def touch(self, events: Sequence[Event]) -> bool:
        """A signal that bears a parameter's own name sets it. Whether a hand moved.

        Bad values are reported and change nothing.
        """
        moved = False
        for event in events:
            if event.name in self.parameters:
                try:
                    self.parameters.set(event.name, event.value)
                except UserError as error:
                    self.problems.report("control", str(error))
                    continue
            if event.hand:
                self.latency.touched(self.serial, event.time)
                moved = True
        return moved

    def attend(self) -> None:
        """Let a hand in while a picture is being painted: the generator can begin its answer now. Costs a look.

        The painting is then left (raises Abandoned), as it would only slow the answer down; never two in a row, so
        that a hand that does not rest cannot stop the wall.
        """
        if not self.bell.is_set():
            return
        self.bell.clear()
        waited = self.latency.waiting
        self.ask(Tick(self.last_tick.index, self.clock.now(), 0.0), only_hands=True, buttons=False)
        if self.latency.waiting and not waited and not self._left_off:
            raise Abandoned

    def rest(self) -> None:
        """Wait until the next frame is due. A hand that moves meanwhile is let in at once, not at the next frame.

        When the picture that answers it is ready, the next frame begins at once. At most every 2 ms, whatever arrives.
        """
        due = self.clock.now() + self.clock.left()
        near = 2.0 * self.worker.gauge.median if self.hold else 0.0
        while True:
            soon = self.latency.waiting and self.worker.quiet_for() < near
            left = due - self.clock.now() + (self.hold if soon else 0.0)
            if left <= 0.0:
                break
            frame = self.worker.newest()
            if frame is not None and self.latency.answered_by(frame.serial):
                break
            if self.bell.wait(left):
                self.bell.clear()
                self.ask(Tick(self.last_tick.index, self.clock.now(), 0.0), only_hands=True)
                sleep(min(self.clock.left(), BELL_REST))

    def run(self, going: Callable[[Tick], bool]) -> None:
        """Frames until `going` says no. The one place where whatever a part does wrong comes back to.

        On stage the last good frame is held, the HUD and the log say so, and the next frame is tried; with `strict` the
        first problem raises ShowStopped.
        """
        alive = True
        while alive:
            try:
                alive = going(self.step())
                self.rest()
            except Exception as error:
                self.problems.report("show", f"{type(error).__name__}: {error}; the show goes on")
                if self.strict:
                    raise ShowStopped(f"{type(error).__name__}: {error}") from error
                alive = going(self.last_tick)
                sleep(self.clock.left())
            if self.strict and self.problems.unraised:
                problem = self.problems.unraised[0]
                raise ShowStopped(f"{problem.part}: {problem.text}")
