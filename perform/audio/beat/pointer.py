"""The bar pointer: how likely each pair of tempo and place in the beat is, given all that was heard so far.

The model is that of Whiteley et al. 2006 in the state space of Krebs, Boeck and Widmer 2015, its forward pass only:
states lie in one row, tempo after tempo, one state a hop; all move on, and where a beat ends the tempo may change a
little. Four things weigh: how much is new in the sound (more is more like a beat, or like the middle of one), how
likely a moment was a beat (`activation`), which tempo the music would be counted at (`activation` and `periods`), and
whether it is the beat or the off-beat (`offbeat`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

STEP = 2  # hops a frame
SLOWEST, FASTEST = 54.0, 218.0
USUAL, WIDTH = 122.0, 0.6  # bpm and octaves: which tempi are likely before anything is heard
STIFF = 90.0  # how unlikely a change of tempo is at a beat
SHARP = 0.018  # seconds: how near to a beat is on the beat
MIDDLE = 0.55  # how much the middle of a beat counts as one
WEIGHT, LITTLE = 2.0, 0.12  # of novelty, a hop, and how much of it is nothing
HEED, WIDE, ALIKE = 0.2, 0.02, 0.6  # of an answer about a beat: its weight, how near (seconds), what the middle counts
FORGET = 2e-4  # a frame: so that a wrong belief can be left


class Pointer:
    """The filter, in frames of `STEP` hops of `dt` seconds. `step` once a frame; `read` says where the beat is."""

    def __init__(self, dt: float, ago: float = 0.0) -> None:
        """Answers about a beat (`believe`) are about what was `ago` hops before."""
        self.dt = dt
        self.periods = np.arange(round(60 / FASTEST / dt), round(60 / SLOWEST / dt) + 1)
        ends = np.cumsum(self.periods)
        self.first, self.last = ends - self.periods, ends - 1
        ratio = self.periods[None, :] / self.periods[:, None]
        change = np.exp(-STIFF * np.abs(ratio - 1.0))
        self._change = np.asarray(change / change.sum(axis=1, keepdims=True), np.float32)
        self.bpm = 60.0 / (self.periods * dt)
        prior = np.exp(-0.5 * (np.log2(self.bpm / USUAL) / WIDTH) ** 2)
        self._start = np.asarray(np.repeat(prior / self.periods / prior.sum(), self.periods), np.float32)
        place = np.concatenate([np.arange(count) for count in self.periods])
        period = np.repeat(self.periods, self.periods)
        self._gain = WEIGHT * self._beats(place, period, SHARP, MIDDLE)
        self._heed = HEED * self._beats(place - ago, period, WIDE, ALIKE)
        self._half = np.repeat(self.first, self.periods) + (place + period // 2) % period
        self.phase = np.asarray(place / period, np.float32)
        self.turn = np.exp(2j * np.pi * place / period).astype(np.complex64)
        self.belief = self._start.copy()
        self._spare = np.zeros(len(place), np.float32)
        self._weight = np.zeros(len(place), np.float32)

    def _beats(self, place: NDArray[Any], period: NDArray[Any], width: float, middle: float) -> Floats:
        """How much more than usual a state at `place` hops of its `period` is on a beat. The middle counts less."""
        away = np.abs((place / period + 0.5) % 1.0 - 0.5) * period * self.dt
        half = np.abs((place / period) % 1.0 - 0.5) * period * self.dt
        shape = np.exp(-0.5 * (away / width) ** 2) + middle * np.exp(-0.5 * (half / width) ** 2)
        means = np.add.reduceat(shape, self.first) / self.periods
        return np.asarray(shape - np.repeat(means, self.periods), np.float32)

    def believe(self, odds: float) -> None:
        """Weigh all states by the log odds that there was a beat."""
        np.multiply(self._heed, np.float32(odds), out=self._weight)
        np.exp(self._weight, out=self._weight)
        self.belief *= self._weight

    def step(self, novelty: float) -> None:
        """One frame with the sum of how much was new in its hops (each 0 nothing .. 1 a strong beat)."""
        belief, moved, weight = self.belief, self._spare, self._weight
        over, before = belief[self.last] @ self._change, belief[self.last - 1] @ self._change
        moved[STEP:] = belief[:-STEP]
        moved[self.first], moved[self.first + 1] = before, over
        np.multiply(self._gain, np.float32(novelty - STEP * LITTLE), out=weight)
        np.exp(weight, out=weight)
        moved *= weight
        self.belief, self._spare = moved, belief

    def forget(self, frames: int) -> None:
        """Let all that is possible become a little more likely, and the whole add up to 1; every few frames."""
        share = FORGET * frames
        self.belief *= np.float32((1.0 - share) / max(float(self.belief.sum()), 1e-30))
        np.multiply(self._start, np.float32(share), out=self._weight)
        self.belief += self._weight

    def prefer(self, chances: Floats) -> None:
        """Weigh the tempi by `chances` [tempi], in the order of `periods`."""
        self.belief *= np.repeat(chances, self.periods)

    def lean(self, period: float, phase: float, on: float) -> None:
        """Weigh the states near a tempo by how far `on` (0..1) they should be on the beat of a clock at `phase`."""
        tempi = np.flatnonzero(np.abs(self.periods * self.dt / period - 1.0) < 0.05)
        if not len(tempi):
            return
        states = slice(int(self.first[tempi[0]]), int(self.last[tempi[-1]]) + 1)
        away = np.abs((self.phase[states] - np.float32(phase) + 0.5) % 1.0 - 0.5)
        self.belief[states] *= np.where(away < 0.25, np.float32(2.0 * on), np.float32(2.0 * (1.0 - on)))

    def turn_over(self) -> None:
        """What was believed to be the beat is the off-beat."""
        self.belief = self.belief[self._half]

    def read(self) -> tuple[float, float, float]:
        """The period in seconds, the phase 0..1 and how sure of both (0..1)."""
        tempo = np.add.reduceat(self.belief, self.first)
        wide = np.convolve(tempo, np.ones(5, np.float32), "same")
        best = int(np.argmax(wide))
        low, high = max(0, best - 3), min(len(tempo), best + 4)
        share = max(float(tempo[low:high].sum()), 1e-12)
        period = float(np.dot(tempo[low:high], self.periods[low:high])) / share * self.dt
        states = slice(int(self.first[low]), int(self.last[high - 1]) + 1)
        around = complex(np.dot(self.belief[states], self.turn[states]))
        return period, (math.atan2(around.imag, around.real) / (2 * math.pi)) % 1.0, abs(around)
