"""Tempo and beat: where in the beat the music is now, and how fast it goes. Causal, one step a hop.

Two parts. A **filter** over all pairs of tempo and phase (the bar pointer of Whiteley et al. 2006 in the state space of
Krebs, Boeck and Widmer 2015, its forward pass only): each state moves on by one hop, tempo may change a little at a
beat, and what is heard makes the states with a beat now more likely, the others less. A **clock** that plays what comes
out: its phase runs on by itself, so that it goes through breaks, and is drawn to the filter's phase like a PLL; so the
beat is predicted, not reported after the fact.

Not handled yet: metre other than 4, tempo outside 60 to 200 bpm, which of half and double tempo a listener would tap
when the drums say both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perform.audio.bar import Bar
from perform.audio.levels import Follower
from perform.audio.spectrum import Hop

Floats = NDArray[np.float32]

SLOWEST, FASTEST = 60.0, 200.0


@dataclass(frozen=True, slots=True)
class Beat:
    """The state of the clock after a hop: `phase` 0..1 within the beat, `bar` 0..1 within the bar, `struck` if a beat
    began in this hop, `confidence` 0..1, `count` which beat of the bar it is (0 is the first), of `metre` beats."""

    bpm: float
    phase: float
    bar: float
    struck: bool
    confidence: float
    count: int = 0
    metre: int = 4


class Grid:
    """The filter: how likely each (tempo, phase) is. States lie in one row, tempo after tempo, hop after hop."""

    def __init__(self, dt: float) -> None:
        self.dt = dt
        shortest, longest = round(60 / FASTEST / dt), round(60 / SLOWEST / dt)
        self.periods = np.arange(shortest, longest + 1)
        ends = np.cumsum(self.periods)
        self.first, self.last = ends - self.periods, ends - 1
        count = int(ends[-1])
        ratio = self.periods[None, :] / self.periods[:, None]
        change = np.exp(-90.0 * np.abs(ratio - 1.0))
        self._change = np.asarray(change / change.sum(axis=1, keepdims=True), np.float32)
        octaves = np.log2(60.0 / (self.periods * dt) / 122.0)
        prior = np.exp(-0.5 * (octaves / 0.55) ** 2)
        self._prior = np.asarray(prior / prior.sum(), np.float32)
        self._start = np.asarray(np.repeat(self._prior / self.periods, self.periods), np.float32)
        phase = np.concatenate([np.arange(n) / n for n in self.periods])
        seconds = np.concatenate([np.arange(n) * dt for n in self.periods])
        period = np.repeat(self.periods * dt, self.periods)
        near = np.minimum(seconds, period - seconds)
        shape = np.exp(-0.5 * (near / 0.018) ** 2)
        shape += 0.55 * np.exp(-0.5 * ((np.abs(phase - 0.5) * period) / 0.018) ** 2)
        means = np.add.reduceat(shape, self.first) / self.periods
        self._gain = np.asarray(shape - np.repeat(means, self.periods), np.float32)
        self.phase = np.asarray(phase, np.float32)
        self.turn = np.exp(2j * np.pi * phase).astype(np.complex64)
        self.belief = self._start.copy()
        self._spare = np.zeros(count, np.float32)
        self._weight = np.zeros(count, np.float32)

    def step(self, novelty: float) -> None:
        """One hop: everything moves on, then what was heard (0 nothing .. 1 a strong beat) weighs."""
        belief, moved = self.belief, self._spare
        over = belief[self.last]
        moved[1:] = belief[:-1]
        moved[self.first] = over @ self._change
        np.multiply(self._gain, 2.0 * (novelty - 0.12), out=self._weight)
        np.exp(self._weight, out=self._weight)
        moved *= self._weight
        self.belief, self._spare = moved, belief

    def forget(self, share: float) -> None:
        """Let all that is possible become a little more likely, so that a change of tempo can be found again.

        Also where the beliefs are made to add up to 1; a few steps between do not run out of the range of a float.
        """
        self.belief *= np.float32((1.0 - share) / max(float(self.belief.sum()), 1e-30))
        self.belief += np.float32(share) * self._start

    def read(self) -> tuple[float, float, float]:
        """The period in seconds, the phase 0..1 and how sure of both (0..1)."""
        tempo = np.add.reduceat(self.belief, self.first)
        wide = np.convolve(tempo, np.ones(5, np.float32), "same")
        best = int(np.argmax(wide))
        low, high = max(0, best - 3), min(len(tempo), best + 4)
        share = float(tempo[low:high].sum())
        period = float(np.dot(tempo[low:high], self.periods[low:high])) / max(share, 1e-12) * self.dt
        states = slice(int(self.first[low]), int(self.last[high - 1]) + 1)
        around = complex(np.dot(self.belief[states], self.turn[states]))
        phase = (math.atan2(around.imag, around.real) / (2 * math.pi)) % 1.0
        return period, phase, abs(around)


class Tempo:
    """The tracker: one `step` a hop on the ear's thread."""

    def __init__(self, hop: Hop) -> None:
        self._dt = hop.dt
        self._grid = Grid(hop.dt)
        low = hop.centres < 150.0
        self._weights = np.asarray(1.0 / len(low) + 0.4 * low / low.sum(), np.float32)
        self._top = 0.05
        self._sink = math.exp(-hop.dt / 4.0)
        self._hops = 0
        self._period = 0.5
        self._phase = 0.0
        self._bar = Bar(hop)
        self._off = 0.0
        self._confidence = Follower(0.3, 3.0, hop.dt)
        self._sound = Follower(0.1, 8.0, hop.dt)
        self._late = 0.0115

    def step(self, hop: Hop) -> Beat:
        """Take one hop."""
        self._grid.step(self._novelty(hop))
        self._hops += 1
        self._phase += self._dt / self._period
        if self._hops % 4 == 0:
            self._steer()
        struck = self._phase >= 1.0
        if struck:
            self._phase -= 1.0
        confidence = self._confidence.value * self._sound.step(0.0 if hop.silent else 1.0)
        phase = max(self._phase, 0.0)
        bar = self._bar.step(hop, phase, struck=struck)
        return Beat(60.0 / self._period, phase, bar, struck, confidence, self._bar.count)

    def _novelty(self, hop: Hop) -> float:
        if hop.silent:
            return 0.0
        rise = float(np.dot(hop.rise, self._weights))
        self._top = max(self._top * self._sink, rise, 0.05)
        return rise / self._top

    def _steer(self) -> None:
        """Draw the clock to the filter, every fourth hop."""
        self._grid.forget(4e-4)
        period, phase, sure = self._grid.read()
        self._confidence.step(sure)
        phase += self._late / period
        error = (phase - self._phase + 0.5) % 1.0 - 0.5
        step = 4 * self._dt
        far = abs(period / self._period - 1.0) > 0.06
        pull = (1.0 - math.exp(-step / 0.25)) * min(1.0, sure * 1.5)
        self._off = self._off + step if far or abs(error) > 0.15 else 0.0
        if self._off > 0.4 and sure > 0.2:  # the filter has made up its mind: go where it is
            self._period, self._off = period, 0.0
            self._phase = phase % 1.0
            return
        if not far:
            self._period += (period - self._period) * (1.0 - math.exp(-step / 1.0)) * min(1.0, sure * 1.5)
        self._phase += error * pull
