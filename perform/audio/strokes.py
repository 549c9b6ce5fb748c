"""Where something strikes in the bass, the middle or the top, and what it looks like there: candidates for drums.

A stroke is found at the hop in which one of three ranges jumps and described two hops later, when most of it is in the
window: its spectrum against the loudest of late, the spectrum before it, the rise of each band against that band's own
peak, and how it stands among the strokes before it. All of it is relative, so that the level of the room does not
matter. `features.drums` has a perceptron that reads it; `training.hits` learns that from the same description.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perform.audio.levels import Striker
from perform.audio.spectrum import BANDS, LAG

Floats = NDArray[np.float32]

RANGES = ((20.0, 130.0), (2000.0, 6000.0), (9000.0, 16000.0))  # hertz
SHARES = (0.2, 0.25, 0.12)  # of the strongest of late: low, as what is no drum is told apart later
REST = 0.05  # seconds between two strokes of one range
WAIT = 2  # hops from a stroke to its description, when most of it is in the window
BEFORE = 4  # hops from the spectrum before it to its description
FADE = 4.0  # seconds over which the strongest of late is forgotten
RECENT = 0.15  # seconds over which the last stroke is forgotten
SLOW = 0.05  # least share of a new stroke in what is usual
FAINT = 1e-5  # amplitude below which there is nothing
SIZE = 3 * BANDS + 13
_DEPTH = 100.0
_SCALE = 1.0 / math.log1p(_DEPTH)


@dataclass(frozen=True, slots=True)
class Stroke:
    """`seen` [SIZE] describes it, `level` [3] is the natural logarithm of how much each range rose, `strength` [3] the
    same against the strongest of late, 0..1."""

    seen: Floats
    level: tuple[float, float, float]
    strength: tuple[float, float, float]


class Strokes:
    """Finds strokes: `step` once a hop with the power in the mel bands. `centres` of these in hertz, `dt` a hop."""

    def __init__(self, centres: NDArray[np.floating], dt: float) -> None:
        masks = [(centres >= low) & (centres < high) for low, high in RANGES]
        self._masks = np.asarray(masks, np.float32)
        self._strikers = [Striker(dt, least=FAINT, rest=REST, share=share, fall=FADE) for share in SHARES]
        self._dt = dt
        self._hops = 0
        self._past = np.zeros((BEFORE + 1, BANDS), np.float32)
        self._rise = np.zeros(BANDS, np.float32)
        self._peak = np.full(BANDS, 1e-6, np.float32)
        self._loudest = FAINT
        self._sink = math.exp(-dt / FADE)
        self._due = -1  # hops until a stroke is described
        self._struck = [False] * 3
        self._most, self._strength = [0.0] * 3, [0.0] * 3
        self._usual, self._counts = [0.0] * 3, [0] * 3  # of the logarithms of the strokes of each range
        self._last, self._lasts = -(10**6), [-(10**6)] * 3  # hops of the last stroke

    def step(self, power: Floats) -> Stroke | None:
        """Take a hop [BANDS]; gives the stroke that began `WAIT` hops ago."""
        self._hops += 1
        past, size = self._past, len(self._past)
        now, then = past[self._hops % size], past[(self._hops - LAG) % size]
        np.sqrt(power, out=now)
        np.subtract(now, then, out=self._rise)
        np.maximum(self._rise, 0.0, out=self._rise)
        self._peak *= np.float32(self._sink)
        np.maximum(self._peak, now, out=self._peak)
        self._loudest = max(self._loudest * self._sink, float(now.sum()))
        self._strike((self._masks @ self._rise).tolist())
        self._due -= 1
        if self._due != -1:
            return None
        return self._described(now, past[(self._hops - BEFORE) % size])

    def _strike(self, rises: list[float]) -> None:
        """Ask the three ranges; a stroke that is not described yet takes in what follows at once."""
        hits = [striker.step(rise) > 0.0 for striker, rise in zip(self._strikers, rises, strict=True)]
        new = self._due < 0
        if new:
            if not any(hits):
                return
            self._due = WAIT
            self._struck, self._most, self._strength = [False] * 3, [0.0] * 3, [0.0] * 3
        for place, (hit, rise) in enumerate(zip(hits, rises, strict=True)):
            self._struck[place] |= hit
            self._most[place] = max(self._most[place], rise)
            self._strength[place] = max(self._strength[place], rise / self._strikers[place].peak)

    def _described(self, now: Floats, before: Floats) -> Stroke:
        level = [math.log(most + FAINT) for most in self._most]
        unusual = [level[at] - self._usual[at] if self._counts[at] else 0.0 for at in range(3)]
        since = [math.exp(-(self._hops - last) * self._dt / RECENT) for last in (self._last, *self._lasts)]
        seen = np.empty(SIZE, np.float32)
        seen[:BANDS] = np.log1p(now * np.float32(_DEPTH / self._loudest)) * np.float32(_SCALE)
        seen[BANDS : 2 * BANDS] = np.log1p(before * np.float32(_DEPTH / self._loudest)) * np.float32(_SCALE)
        seen[2 * BANDS : 3 * BANDS] = np.maximum(now - before, 0.0) / self._peak
        seen[3 * BANDS :] = (*self._strength, *self._struck, *(0.43 * one for one in unusual), *since)
        self._last = self._hops
        for place in range(3):
            if self._struck[place]:
                self._lasts[place] = self._hops
                self._counts[place] += 1
                share = max(1.0 / self._counts[place], SLOW)
                self._usual[place] += (level[place] - self._usual[place]) * share
        return Stroke(seen, (level[0], level[1], level[2]), (self._strength[0], self._strength[1], self._strength[2]))
