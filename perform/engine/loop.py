"""One frame, written out. Everything else in the program is one of the parts named here.

sound, hands  ->  events  ->  signals  ->  values  ->  generator  ->  frame  ->  shaders  ->  wall
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from perform.engine.clock import Clock, Tick
from perform.engine.frame import Frame, Request
from perform.engine.latency import Gauge, LatencyMeter
from perform.engine.parameters import Parameters, Values
from perform.engine.patch import Patch
from perform.engine.problems import Problems, ShowStopped, UserError
from perform.engine.signals import Event, Signals, Source
from perform.engine.walk import Traveller
from perform.engine.worker import Maker


class Stage(Protocol):
    """Where frames become light: texture, shaders, HUD, recorder, window."""

    def draw(self, frame: Frame | None, values: Values, tick: Tick) -> None:
        """Put one picture on the wall. Main thread; must not wait for anything but the display's own sync."""
        ...


class Engine:
    """The parts of a show and the order in which a frame goes through them. Main thread.

    `patch` may be replaced between two frames (a preset change). `direct` is called each frame with the names of the
    buttons that fired, before the values are worked out, so that a change they make is in this frame.
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
    ) -> None:
        self.clock, self.sources, self.parameters, self.worker, self.stage = (
            clock,
            list(sources),
            parameters,
            worker,
            stage,
        )
        self.direct, self.problems, self.strict = direct, problems, strict
        self.signals = Signals()
        self.patch = Patch((), parameters)
        self.traveller = Traveller()
        self.latency = LatencyMeter()
        self.frame_times = Gauge(1024)
        self.own_time = Gauge(1024)
        self.last_tick = Tick(-1, 0.0, 0.0)

    def step(self) -> Tick:
        """One frame."""
        tick = self.last_tick = self.clock.tick()
        began = self.clock.now()
        events = [event for source in self.sources for event in source.poll(tick)]
        self.signals.update(events, tick.dt)
        self.touch(events, tick)
        values = self.patch.play(self.signals, self.parameters, tick.dt)
        position = self.traveller.step(values, self.signals.get("beat.bpm"), tick.dt)
        if not values.flag("freeze"):
            self.worker.ask(Request(tick, values, position))
        frame = self.worker.newest()
        self.own_time.add(self.clock.now() - began)
        self.stage.draw(frame, values, tick)
        self.latency.presented(frame.tick.index if frame else -1, self.clock.now())
        self.frame_times.add(tick.dt)
        return tick

    def touch(self, events: Sequence[Event], tick: Tick) -> None:
        """A signal that bears a parameter's own name sets it. Bad values are reported and change nothing."""
        for event in events:
            if event.name in self.parameters:
                try:
                    self.parameters.set(event.name, event.value)
                except UserError as error:
                    self.problems.report("control", str(error))
                    continue
            if event.hand:
                self.latency.touched(tick.index, event.time)
        self.direct(self.parameters.fired())

    def run(self, going: Callable[[Tick], bool]) -> None:
        """Frames until `going` says no. The one place where whatever a part does wrong comes back to.

        On stage the last good frame is held, the HUD and the log say so, and the next frame is tried; with `strict` the
        first problem raises ShowStopped.
        """
        alive = True
        while alive:
            try:
                alive = going(self.step())
            except Exception as error:
                self.problems.report("show", f"{type(error).__name__}: {error}; the show goes on")
                if self.strict:
                    raise ShowStopped(f"{type(error).__name__}: {error}") from error
                alive = going(self.last_tick)
            if self.strict and self.problems.unraised:
                problem = self.problems.unraised[0]
                raise ShowStopped(f"{problem.part}: {problem.text}")
            self.clock.pace()
