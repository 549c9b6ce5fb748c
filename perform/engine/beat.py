"""The one clock of the beat: whoever keeps the time, the show sees one even run of beats and bars.

Who is trusted, in this order (`beat.source` = auto): a tempo that was set by hand (`beat.manual_bpm` above 0), a MIDI
clock while its pulses come, Ableton Link while somebody else is in the session, taps for `TAP_TRUST` seconds after the
last one, and for as long as the ear is not sure; else the ear. Where nobody says anything the beat runs on at the last
tempo. A change of hands never jumps: the difference in phase fades within a second, and the beat does not go backwards.

It takes the events of all sources once a frame and gives them on with `beat.bpm`, `beat.phase`, `beat.pulse`,
`beat.confidence`, `bar.phase` and `bar.pulse` as its own, as of the frame's moment (plus the offset that makes up for
the projector).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from models.knobs import Knob, choice, trigger
from perform.engine.clock import Tick
from perform.engine.parameters import Parameters
from perform.engine.problems import Problems
from perform.engine.pulses import MidiClock, Pace, Taps
from perform.engine.signals import Event

SOURCES = ("auto", "ear", "tap", "midi", "link", "manual")
TAP_TRUST = 12.0  # seconds
SURE = 0.25  # confidence from which the ear takes over again
FADE = 0.35  # seconds: how fast a difference between two hands fades
_NUDGE = 0.04  # beats: a correction as small as this is followed at once
_STALE = 3.0  # seconds after which what the ear or Link said is no longer true
_OURS = frozenset(
    {"beat.phase", "bar.phase", "beat.pulse", "bar.pulse", "beat.bpm", "beat.confidence", "bar.beats", "midi.clock"}
)


def beat_knobs() -> tuple[Knob, ...]:
    """The parameters of the clock, for the prefix `beat`."""
    return (
        choice("source", SOURCES, "auto", "who keeps the beat; auto trusts manual, MIDI clock, Link, taps, the ear"),
        Knob("manual_bpm", 0.0, 0.0, 300.0, "bpm", "a tempo set by hand; 0 leaves it to the others"),
        trigger("tap", "tap the tempo; the first tap is the one"),
        trigger("one", "the bar begins here"),
    )


@dataclass(frozen=True, slots=True)
class Wish:
    """What the performer asked for: the parameters of the clock. `offset` in seconds, positive is earlier."""

    source: str = "auto"
    manual_bpm: float = 0.0
    offset: float = 0.0


def wish_of(parameters: Parameters) -> Wish:
    """What the parameters say, as far as they are in the tree."""

    def read(name: str) -> float:
        return parameters.get(name) if name in parameters else 0.0

    source = parameters.word("beat.source") if "beat.source" in parameters else "auto"
    return Wish(source, read("beat.manual_bpm"), read("listen.offset_ms") / 1000.0)


class Ear:
    """What the tracker in the sound said last."""

    def __init__(self) -> None:
        self.bpm = self.phase = self.bar = self.confidence = 0.0
        self.metre = 4
        self.time = -math.inf
        self._first: float | None = None

    def hear(self, event: Event) -> None:
        value = float(event.value)
        match event.name:
            case "beat.bpm":
                self.bpm = value
            case "beat.phase":
                self.phase, self.time = value, event.time
            case "bar.phase":
                self.bar = value
            case "beat.confidence":
                self.confidence = value
            case "bar.beats":
                self.metre = max(1, round(value))

    def pace(self) -> Pace:
        """Beats counted from the first of the bar that it hears."""
        whole = round(self.bar * self.metre - self.phase)
        return Pace(self.bpm, whole % self.metre + self.phase, self.time)


class BeatClock:
    """Main thread, once a frame. Says nothing until somebody has given a tempo."""

    def __init__(self, problems: Problems | None = None) -> None:
        self._problems = problems
        self.taps, self.midi, self.ear = Taps(), MidiClock(), Ear()
        self._link: Pace | None = None
        self._link_peers = 0
        self._had_midi = False
        self.who = "nobody"
        self._bpm = 0.0
        self._metre = 4
        self._beats = 0.0  # what the show sees, counted as the one who is trusted counts
        self._off = 0.0  # what is left of the difference to him
        self._shift = 0  # beats by which a hand has moved the one of the bar
        self._time = 0.0
        self._confidence = 0.0

    def step(self, events: Sequence[Event], tick: Tick, wish: Wish | None = None) -> list[Event]:
        """The events of a frame, with the beat's own in place of those of the sources."""
        wish = wish or Wish()
        passed = [event for event in events if not self._took(event)]
        if self._had_midi and not self.midi.running(tick.time) and self._problems is not None:
            self._problems.report("control", "the MIDI clock has stopped; the beat goes on without it")
        self._had_midi = self.midi.running(tick.time)
        who, pace = self._trusted(wish, tick.time)
        if pace is None and self._bpm <= 0:
            return passed
        before = self._beats
        self._run(who, pace, tick.time + wish.offset)
        return passed + self._said(before, tick.time)

    def _took(self, event: Event) -> bool:
        """Remember what an event says of the time; whether it is ours to give."""
        if isinstance(event.value, str) or not math.isfinite(event.value):
            return False
        value = event.value
        match event.name:
            case "beat.tap" if value > 0:
                self.taps.tap(event.time)
            case "beat.one" if value > 0:
                self._shift = -round(self._beats)
            case "midi.clock":
                self.midi.pulse(event.time)
            case "midi.start":
                self.midi.start()
            case "midi.position":
                self.midi.position(value)
            case "link.bpm":
                self._link = Pace(value, self._link.beats if self._link else 0.0, event.time)
            case "link.beat":
                self._link = Pace(self._link.bpm if self._link else 120.0, value, event.time)
            case "link.peers":
                self._link_peers = int(value)
            case _:
                self.ear.hear(event)
        return event.name in _OURS

    def _trusted(self, wish: Wish, time: float) -> tuple[str, Pace | None]:
        """Who keeps the time now, and what he says; ("free", None) where the beat runs on by itself."""
        sure = self.ear.confidence > SURE
        tapped = time - self.taps.last < TAP_TRUST or (self.who == "tap" and not sure)
        there: dict[str, Pace | None] = {
            "manual": Pace(wish.manual_bpm, self._beats, self._time) if wish.manual_bpm > 0 else None,
            "midi": self.midi.pace if self.midi.running(time) else None,
            "link": self._link if self._link is not None and time - self._link.time < _STALE else None,
            "tap": self.taps.pace,
            "ear": self.ear.pace() if self.ear.bpm > 0 and time - self.ear.time < _STALE else None,
        }
        if wish.source != "auto":
            return (wish.source, there[wish.source]) if there[wish.source] is not None else ("free", None)
        for who, pace in there.items():
            heeded = {"link": self._link_peers > 0, "tap": tapped}.get(who, True)
            if pace is not None and heeded:
                return who, pace
        return "free", None

    def _run(self, who: str, pace: Pace | None, now: float) -> None:
        """Be where the trusted one is, but for a difference that fades; never go back."""
        dt = max(now - self._time, 0.0)
        first, self._time = self.who == "nobody", now
        if pace is None:
            pace = Pace(self._bpm, self._beats, now - dt)
        self._bpm = pace.bpm
        there, step = pace.at(now), dt * pace.bpm / 60.0
        off = self._beats + step - there
        off -= round(off)  # whole beats are given at once: the place in the bar is that of the one who is trusted
        if first:
            off = 0.0
        if first or who != self.who or abs(off - self._off) > _NUDGE:
            self._off = off
        fading = self._off * math.exp(-dt / FADE)
        self._off = max(fading, self._off - 0.75 * step)
        beats = there + self._off
        back = self._beats - beats
        back -= round(back)
        self._beats = beats + back if back > 0.0 and not first else beats
        if who in {"midi", "link", "tap"} and who != self.who:
            self._shift = 0
        self.who = who
        self._metre = self.ear.metre if who == "ear" else 4
        self._confidence = self.ear.confidence if who in {"ear", "free"} else 1.0

    def _said(self, before: float, time: float) -> list[Event]:
        beats, counted = self._beats, self._beats + self._shift
        out = [
            Event("beat.bpm", self._bpm, time),
            Event("beat.phase", beats % 1.0, time),
            Event("beat.confidence", self._confidence, time),
            Event("bar.phase", (counted / self._metre) % 1.0, time),
            Event("bar.beats", float(self._metre), time),
        ]
        if beats % 1.0 < before % 1.0 and self._confidence > 0.05:
            strength, at = min(1.0, 0.4 + self._confidence), time - (beats % 1.0) * 60.0 / self._bpm
            out.append(Event("beat.pulse", strength, at, 0.2))
            if math.floor(counted) % self._metre == 0:
                out.append(Event("bar.pulse", strength, at, 0.4))
        return out
