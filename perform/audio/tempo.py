"""Tempo and beat: where in the beat the music is now, and how fast it goes. Causal, one step a hop.

A filter over all tempi and phases (`beat.pointer`) weighs what is new in the sound; three small networks, learned from
music of many styles, tell it what is a beat and how fast it goes (`beat.activation`), at which tempo that would be
counted (`beat.periods`), and which pulse is the beat and the one of a bar (`beat.bars`, gathered by `beat.offbeat`); a
clock that runs on by itself follows (`beat.tracker`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perform.audio.beat.front import Front
from perform.audio.beat.tracker import Tracker
from perform.audio.beat.weights import weights
from perform.audio.levels import Follower
from perform.audio.spectrum import Hop

Floats = NDArray[np.float32]

BASS, MORE = 150.0, 0.4  # hertz below which what is new counts more, and how much more
FADE = 4.0  # seconds over which the strongest beat of late is forgotten
OFTEN, TIMES, PACE = 0.8, 2.5, 0.15  # the floor of a band's rise: its percentile, how much of it, change a second


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


class Tempo:
    """The tracker: one `step` a hop on the ear's thread."""

    def __init__(self, hop: Hop) -> None:
        """Raises OSError where the file with the weights is missing."""
        self._front = Front(hop)
        self._tracker = Tracker(weights(), self._front.centres, hop.dt)
        low = hop.centres < BASS
        self._weights = np.asarray(1.0 / len(low) + MORE * low / max(low.sum(), 1), np.float32)
        self._floor = np.zeros(len(hop.centres), np.float32)
        self._up, self._down = np.float32(OFTEN * PACE * hop.dt), np.float32((1.0 - OFTEN) * PACE * hop.dt)
        self._top = 0.05
        self._sink = math.exp(-hop.dt / FADE)
        self._sound = Follower(0.1, 8.0, hop.dt)

    def step(self, hop: Hop) -> Beat:
        """Take one hop."""
        front, tracker = self._front, self._tracker
        front.step(hop)
        struck = tracker.step(self._novelty(hop), front.now, front.rise)
        confidence = tracker.confidence * self._sound.step(0.0 if hop.silent else 1.0)
        phase, count = tracker.phase, tracker.count
        return Beat(60.0 / tracker.period, phase, (count + phase) / 4, struck, confidence, count)

    def _novelty(self, hop: Hop) -> float:
        """How much is new in this hop, against the strongest of late.

        Noise makes every band rise a little all the time, music only now and then: what a band's rise stays below in
        four hops of five is taken off it (a running percentile, by steps up and down whose sizes are as one to four).
        """
        floor = self._floor
        if hop.silent:
            np.maximum(floor - self._down, 0.0, out=floor)
            return 0.0
        new = np.maximum(hop.rise - np.float32(TIMES) * floor, 0.0)
        floor += np.where(hop.rise > floor, self._up, -self._down)
        np.maximum(floor, 0.0, out=floor)
        rise = float(np.dot(new, self._weights))
        self._top = max(self._top * self._sink, rise, 0.05)
        return rise / self._top
