"""Other people's time as tempo and phase: taps of a hand, and the pulses of a MIDI clock."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

PPQN = 24  # MIDI clock pulses a quarter (MIDI 1.0 detailed specification, system real time messages)
SLOWEST, FASTEST = 30.0, 300.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Where a source of time stands: `beats` since some first beat of a bar, as of `time`, going at `bpm`."""

    bpm: float
    beats: float
    time: float

    def at(self, time: float) -> float:
        """The beats at another time."""
        return self.beats + (time - self.time) * self.bpm / 60.0


class Taps:
    """Tap tempo: the first tap is the one of a bar; the second gives the tempo, later ones make it firmer.

    A straight line is laid through the last taps (least squares), so one that comes late does little. A pause of two
    beats begins anew; a tap that is far off the line (a quarter of a beat) begins a new line with the one before.
    """

    _MOST = 16

    def __init__(self) -> None:
        self._taps: deque[tuple[int, float]] = deque(maxlen=self._MOST)
        self.pace: Pace | None = None
        self.last = -math.inf

    def tap(self, time: float) -> None:
        """A tap of the hand at `time` seconds."""
        since, self.last = time - self.last, time
        period = 60.0 / self.pace.bpm if self.pace is not None and len(self._taps) > 1 else 60.0 / SLOWEST
        if not self._taps or since > 2.2 * period:
            self._taps.clear()
            self._taps.append((0, time))
            if self.pace is not None:  # the old tempo, from here
                self.pace = Pace(self.pace.bpm, 0.0, time)
            return
        if since < 60.0 / FASTEST:
            return
        if len(self._taps) > 1 and abs(since / period - round(since / period)) > 0.25:
            number, before = self._taps[-1]
            self._taps.clear()
            self._taps.append((number, before))
            period = since
        steps = max(1, round(since / period)) if len(self._taps) > 1 else 1
        self._taps.append((self._taps[-1][0] + steps, time))
        self._fit(time)

    def _fit(self, time: float) -> None:
        count = len(self._taps)
        middle = sum(number for number, _ in self._taps) / count
        centre = sum(at for _, at in self._taps) / count
        spread = sum((number - middle) ** 2 for number, _ in self._taps)
        period = sum((number - middle) * (at - centre) for number, at in self._taps) / spread
        bpm = min(max(60.0 / max(period, 1e-3), SLOWEST), FASTEST)
        self.pace = Pace(bpm, middle + (time - centre) * bpm / 60.0, time)


class MidiClock:
    """A phase-locked loop on MIDI clock pulses, so that their jitter (a millisecond or more) does not reach the beat.

    Second order: phase and period follow each pulse by a share that sinks from 1 to `GAIN` over the first pulses.
    A start message makes the next pulse the first of a bar; a position message says which pulse comes next.
    """

    GAIN = 0.06
    SILENT = 0.5  # seconds without a pulse after which the clock has stopped: longer than a pulse at 30 bpm

    def __init__(self) -> None:
        self._pulse = -1  # number of the last pulse, from the start of the song
        self._count = 0  # pulses since the clock came
        self._time = 0.0
        self._period = 0.0
        self.last = -math.inf

    @property
    def pace(self) -> Pace | None:
        """Where it stands; None until six pulses have come."""
        if self._count < 6:
            return None
        bpm = min(max(60.0 / (self._period * PPQN), SLOWEST), FASTEST)
        return Pace(bpm, self._pulse / PPQN, self._time)

    def running(self, time: float) -> bool:
        """Whether pulses come, and enough have come."""
        return self._count >= 6 and time - self.last < self.SILENT

    def start(self) -> None:
        """The song begins with the next pulse."""
        self._pulse = -1

    def position(self, sixteenths: float) -> None:
        """The next pulse is at this place of the song (song position pointer)."""
        self._pulse = int(sixteenths) * (PPQN // 4) - 1

    def pulse(self, time: float) -> None:
        """A pulse that came at `time` seconds."""
        since, self.last = time - self.last, time
        if since > self.SILENT or since < 0:
            self._count, self._time = 1, time
            self._pulse += 1
            return
        self._pulse += 1
        self._count += 1
        if self._count == 2:
            self._time, self._period = time, since
            return
        error = time - (self._time + self._period)
        lost = round(error / self._period) if self._count > 12 else 0
        if lost > 0:  # pulses that never arrived
            self._pulse += lost
            self._time += lost * self._period
            error -= lost * self._period
        if self._count > 12 and abs(error) > 0.4 * self._period:  # a jump of tempo: begin anew, keep the place
            self._count, self._time = 1, time
            return
        share = max(self.GAIN, 2.0 / self._count)
        self._time += self._period + share * error
        self._period += 0.5 * share * share * error if self._count > 24 else share * error / 2.0
        self._period = min(max(self._period, 60.0 / FASTEST / PPQN), 60.0 / SLOWEST / PPQN)
