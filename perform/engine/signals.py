"""Events and signals: what the sources say, and the last word on each name.

An **event** is (name, value, the time it happened). A **source** gives events and never blocks. A **signal** is the
last value on a name. Only `Engine.step` writes signals, once a frame, from the events that arrived since the last
one.

Signals are sampled once a frame, so a thing that is over before the next frame (an onset, a pad) must not be a spike:
an event with `decay` > 0 jumps to its value and falls by itself, to 1/e after `decay` seconds.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from perform.engine.clock import Tick


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: `value` on `name` at `time` (seconds of the show's clock).

    `decay` in seconds makes it a pulse. `hand` marks what a person did (OSC, MIDI, keys): the control-to-photon
    latency is measured from those. A word (`value` of type str) can only set a choice parameter.
    """

    name: str
    value: float | str
    time: float
    decay: float = 0.0
    hand: bool = False


class Source(Protocol):
    """Something that gives events. Threads and processes behind it are its own affair."""

    def poll(self, tick: Tick) -> Sequence[Event]:
        """The events since the last call, oldest first. Called once a frame from the main thread; never blocks."""
        ...

    def close(self) -> None:
        """Stop and free everything. Called once; must return within a second whatever state a device is in."""
        ...


class EventQueue:
    """Events from any thread to the main thread: the one queue behind every source that has a thread.

    Bounded: when 65,536 events wait (the main thread is stuck for seconds) the oldest go and `dropped` counts them.
    `bell` is rung when a hand's event comes in, so that the loop need not wait for its next frame to take it.
    """

    def __init__(self, capacity: int = 65536, bell: threading.Event | None = None) -> None:
        self._bell = bell
        self._events: deque[Event] = deque(maxlen=capacity)
        self.dropped = 0

    def put(self, event: Event) -> None:
        """Add one event. Any thread; a single deque append, atomic under the interpreter lock."""
        if len(self._events) == self._events.maxlen:
            self.dropped += 1
        self._events.append(event)
        if self._bell is not None and event.hand:
            self._bell.set()

    def drain(self) -> list[Event]:
        """All waiting events, oldest first. Main thread."""
        return [self._events.popleft() for _ in range(len(self._events))]


class Signals:
    """The last value on each name. A name that nobody has spoken yet reads 0."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}
        self._decays: dict[str, float] = {}

    def update(self, events: Iterable[Event], dt: float) -> None:
        """Let pulses fall by `dt` seconds, then take the new events in order. Not-finite values are ignored."""
        for name, decay in self._decays.items():
            self.values[name] *= math.exp(-dt / decay)
        for event in events:
            if isinstance(event.value, str) or not math.isfinite(event.value):
                continue
            self.values[event.name] = event.value
            if event.decay > 0:
                self._decays[event.name] = event.decay
            else:
                self._decays.pop(event.name, None)

    def is_pulse(self, name: str) -> bool:
        """Whether the last word on a name was a pulse."""
        return name in self._decays

    def get(self, name: str) -> float:
        """The signal's value now, 0 if it never spoke."""
        return self.values.get(name, 0.0)
