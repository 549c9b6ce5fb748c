"""From blocks of sound to events: every feature of the folder and the beat, hop by hop.

Pure in the sense that matters: what comes out depends on the samples and their times alone, so two runs are equal, and
on nothing that comes later. No thread, no device, no clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perform.audio.bank import Bank
from perform.audio.features import Signal
from perform.audio.picture import Pictures
from perform.audio.spectrum import Hop
from perform.audio.tempo import Beat, Tempo
from perform.engine.signals import Event
from perform.engine.sound import SoundPicture

Floats = NDArray[np.float32]

_LEAST, _MOST = np.float32(-8.0), np.float32(8.0)  # +18 dBFS: nothing real is beyond, and squares stay finite
_HALVES = np.full(2, 0.5, np.float32)

BEAT_SIGNALS = (
    Signal("beat.bpm", "Tempo in beats a minute, 54 to 218. Runs on through breaks."),
    Signal("beat.phase", "Where in the beat we are: 0 on the beat, rising evenly to 1 just before the next."),
    Signal("beat.pulse", "A pulse on each beat, as strong as the tracker is sure.", decay=0.2),
    Signal("beat.confidence", "How sure the tracker is: below 0.2 a guess, above 0.5 the beat is found."),
    Signal("bar.phase", "Where in the bar we are, 0 to 1: a guess from what usually begins a bar."),
    Signal("bar.pulse", "A pulse on the first beat of each bar.", decay=0.4),
    Signal("bar.beats", "How many beats a bar has: 4, the only metre that is known so far."),
)


@dataclass(frozen=True, slots=True)
class State:
    """What is heard at the end of a hop: `values` in the order of the bank's signals, the beat, the picture."""

    time: float
    values: list[float]
    beat: Beat
    picture: SoundPicture


class Analysis:
    """The ear's mathematics for one sample rate. One thread at a time.

    `signals` says what can come out: every `audio.*` of the features folder, `beat.*` and `bar.phase`.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.hops = 0
        self._hop = Hop(rate)
        self._bank = Bank(self._hop)
        self._tempo = Tempo(self._hop)
        self._pictures = Pictures(self._hop)
        self.signals = (*self._bank.signals, *BEAT_SIGNALS)
        pulses = frozenset(self._bank.pulses)
        self._pulses = [(place, self.signals[place]) for place in sorted(pulses)]
        self._steady = [(place, one.name) for place, one in enumerate(self._bank.signals) if place not in pulses]
        self._rest: Floats = np.zeros((0, 2), np.float32)

    @property
    def hop_seconds(self) -> float:
        """How long a hop is: the grain of everything here."""
        return self._hop.dt

    def feed(self, block: NDArray[Any], time: float) -> list[Event]:
        """Take sound [n, channels] or [n] whose last frame ends at `time` (seconds); gives what is heard in it.

        Pulses come for every hop, continuous values for the last whole hop of the block only: signals are sampled once
        a frame anyway. Events bear the time at which their hop ends. Frames that do not fill a hop wait for the next
        call. Samples that are not finite count as 0.
        """
        pulses, state = self.hear(block, time)
        return pulses if state is None else pulses + self.tell(state)

    def hear(self, block: NDArray[Any], time: float) -> tuple[list[Event], State | None]:
        """As `feed`, with the continuous values apart: a thread that hears more often than a frame is drawn leaves it
        to the frame to `tell` them. None where no hop was filled."""
        sound = np.concatenate([self._rest, stereo_of(block)])
        mono = sound @ _HALVES
        size = self._hop.size
        whole = len(mono) // size
        events: list[Event] = []
        state: State | None = None
        for number in range(whole):
            part = slice(number * size, (number + 1) * size)
            state = self._step(mono[part], sound[part], time - (len(mono) - part.stop) / self.rate, events)
        self._rest = sound[whole * size :]
        return events, state

    def tell(self, state: State) -> list[Event]:
        """The continuous values of a state as events. Any thread."""
        values, time = state.values, state.time
        return [Event(name, values[place], time) for place, name in self._steady] + _beat_events(state.beat, time)

    def _step(self, samples: Floats, sides: Floats, time: float, events: list[Event]) -> State:
        hop = self._hop
        hop.step(samples, sides)
        self.hops += 1
        values = self._bank.hear(hop)
        for place, signal in self._pulses:
            if values[place] > 0.0:
                events.append(Event(signal.name, values[place], time, signal.decay))
        beat = self._tempo.step(hop)
        if beat.struck and beat.confidence > 0.05:
            since = beat.phase * 60.0 / beat.bpm
            strength = min(1.0, 0.4 + beat.confidence)
            events.append(Event("beat.pulse", strength, time - since, 0.2))
            if beat.count == 0:
                events.append(Event("bar.pulse", strength, time - since, 0.4))
        return State(time, values, beat, self._pictures.step(hop))


class BeatHand:
    """The hand of the beat's clock between two words of the analysis: phases as they are at the moment of a frame.

    Sound comes in bursts and frames in their own time; without this the phase would stand still for a frame and then
    leap. It runs on for half a second at most, then waits for the analysis. Main thread, once a frame.
    """

    def __init__(self) -> None:
        self._bpm = 0.0
        self._phase: Event | None = None
        self._bar: Event | None = None
        self._beats = 4.0

    def at(self, time: float, events: list[Event]) -> list[Event]:
        """The same events, with `beat.phase` and `bar.phase` as they are at `time`."""
        out = []
        for event in events:
            if event.name == "beat.phase":
                self._phase = event
            elif event.name == "bar.phase":
                self._bar = event
            else:
                out.append(event)
                if event.name == "beat.bpm":
                    self._bpm = float(event.value)
                elif event.name == "bar.beats":
                    self._beats = max(float(event.value), 1.0)
        for last, beats in ((self._phase, 1.0), (self._bar, self._beats)):
            if last is not None:
                ahead = min(max(time - last.time, 0.0), 0.5) * self._bpm / 60.0 / beats
                out.append(Event(last.name, (float(last.value) + ahead) % 1.0, time))
        return out


def _beat_events(beat: Beat, time: float) -> list[Event]:
    return [
        Event("beat.bpm", beat.bpm, time),
        Event("beat.phase", beat.phase, time),
        Event("beat.confidence", beat.confidence, time),
        Event("bar.beats", float(beat.metre), time),
        Event("bar.phase", beat.bar, time),
    ]


def stereo_of(block: NDArray[Any]) -> Floats:
    """The two sides [n, 2] of a block [n, c] or [n], finite and within +-8. One channel is both sides; more than two
    are mixed into both (a card of many channels is asked for the right ones when it is opened)."""
    sound = np.asarray(block, np.float32)
    if not np.isfinite(sound).all():
        sound = np.where(np.isfinite(sound), sound, np.float32(0.0))
    if sound.ndim == 1 or sound.shape[1] == 1:
        sound = np.repeat(sound.reshape(-1, 1), 2, axis=1)
    elif sound.shape[1] > 2:
        sound = np.repeat(sound.mean(axis=1, keepdims=True, dtype=np.float32), 2, axis=1)
    return np.minimum(np.maximum(sound, _LEAST), _MOST)


def mono_of(block: NDArray[Any]) -> Floats:
    """The mean of the channels [n] of a block [n, c] or [n], finite and within +-8."""
    return np.asarray(stereo_of(block) @ _HALVES, np.float32)
