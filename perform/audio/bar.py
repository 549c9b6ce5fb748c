"""Which beat of four is the first one: a guess from where the harmony changes and which drum falls where."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from perform.audio.spectrum import BANDS, Hop

Floats = NDArray[np.float32]

BEATS = 4


class Bar:
    """Counts beats in fours and moves the one to where the evidence of the last eight bars or so puts it.

    Evidence for a beat being the first: the spectrum of the beat it opens differs from that of the beat before (a new
    chord, a new bass note), the bass strikes on it, and the upper middle does not (the snare marks two and four). It
    gives way only to a clear and lasting lead, so that the bar does not jump about.
    """

    def __init__(self, hop: Hop) -> None:
        self.count = 0
        low, snare = hop.centres < 150.0, (hop.centres > 1500.0) & (hop.centres < 8000.0)
        self._drums = np.asarray(1.0 * low / low.sum() - 1.0 * snare / snare.sum(), np.float32)
        self._tone: Floats = np.zeros(BANDS, np.float32)
        self._before: Floats = np.zeros(BANDS, np.float32)
        self._hops = 0
        self._drum = 0.0
        self._evidence = np.zeros(BEATS)
        self._lead = 0

    def step(self, hop: Hop, phase: float, *, struck: bool) -> float:
        """One hop with the phase of its beat; gives the phase of the bar, 0..1."""
        if struck:
            self._close()
            self.count = (self.count + 1) % BEATS
        self._tone += hop.log_mel
        self._hops += 1
        if phase < 0.2:
            self._drum += float(np.dot(hop.rise, self._drums))
        return (self.count + phase) / BEATS

    def _close(self) -> None:
        """A beat is over: weigh what it says about its place in the bar."""
        tone: Floats = self._tone / np.float32(max(self._hops, 1))
        change = float(np.abs(tone - self._before).mean())
        self._before, self._tone, self._hops = tone, np.zeros(BANDS, np.float32), 0
        self._evidence *= math.exp(-1.0 / (8 * BEATS))
        self._evidence[self.count] += 4.0 * change + 0.4 * self._drum
        self._drum = 0.0
        best = int(np.argmax(self._evidence))
        second = float(np.partition(self._evidence, -2)[-2])
        clear = best != 0 and self._evidence[best] > 1.08 * max(second, 1e-6)
        self._lead = self._lead + 1 if clear else 0
        if self._lead >= 2 * BEATS:
            self.count = (self.count - best) % BEATS
            self._evidence = np.roll(self._evidence, -best)
            self._lead = 0
