"""Where in the bar the beats are: what was heard, folded into one bar of four beats, read by a network.

The pointer knows tempo and phase well but for one thing: whether the strongest pulse is the beat or the off-beat, and
nothing of bars. Folded at the tempo that was found, the last eight seconds show a pattern (kick, back-beat, hats, where
chords change); a perceptron, learned from many styles, says for each of its eight turns by half a beat how much it
looks like a bar that begins with a one.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from perform.audio.beat.periods import CHANNELS, FRAMES, groups

Floats = NDArray[np.float32]

BEATS, SLOTS = 4, 12  # slots a beat: for sixteenths and for triplets
TURNS = 2 * BEATS
LEVELS = 3
WIDE = CHANNELS + LEVELS
SIZE = BEATS * SLOTS * WIDE


def fold(past: Floats, period: float, phase: float) -> Floats:
    """The last frames [frames, WIDE] folded into a bar [BEATS * SLOTS, WIDE] that begins with a beat of the clock.

    `period` in frames; `phase` of the beat at the end of the last frame. Slot 0 is around the newest beat but three,
    which is the first of the folded bar.
    """
    frames = len(past)
    age = np.arange(frames - 1, -1, -1) + 0.5
    beat = phase - age / period  # beats, 0 at the newest beat; its slot begins half a slot before
    slot = np.floor((beat + BEATS - 1) * SLOTS + 0.5).astype(np.intp) % (BEATS * SLOTS)
    sums = np.zeros((BEATS * SLOTS, WIDE), np.float32)
    np.add.at(sums, slot, past)
    counts = np.bincount(slot, minlength=BEATS * SLOTS).astype(np.float32)
    bar = np.asarray(sums / np.maximum(counts, 1.0)[:, None], np.float32)
    bar[:, :CHANNELS] /= np.maximum(bar[:, :CHANNELS].max(axis=0), 0.01)
    bar[:, CHANNELS:] = np.float32(3.0) * (bar[:, CHANNELS:] - bar[:, CHANNELS:].mean(axis=0))
    return bar


def turns(bar: Floats) -> Floats:
    """The bar turned by each half beat [TURNS, SIZE]: turn `n` takes slot `n * SLOTS / 2` for the first."""
    half = SLOTS // 2
    doubled = np.concatenate([bar, bar])
    return np.stack([doubled[n * half : n * half + BEATS * SLOTS].ravel() for n in range(TURNS)])


def rows_of(centres: NDArray[np.floating]) -> Floats:
    """Rows [LEVELS, bands] for the level of bass, middle and top."""
    edges = (0.0, 300.0, 3000.0, 20000.0)
    rows = [(centres >= low) & (centres < high) for low, high in pairwise(edges)]
    return np.asarray([row / max(row.sum(), 1) for row in rows], np.float32)


class Bars:
    """The memory and the perceptron. `add` every frame, `read` every few. One thread."""

    def __init__(self, weights: Mapping[str, Floats], centres: NDArray[np.floating]) -> None:
        self._groups, self._rows = groups(centres), rows_of(centres)
        self._past = np.zeros((2 * FRAMES, WIDE), np.float32)
        self._at = self._count = 0
        self._layers = [(weights[f"{at}.weight"].T, weights[f"{at}.bias"]) for at in (0, 2, 4)]

    def add(self, now: Floats, rise: Floats) -> None:
        """One frame: level and rise of the mel bands."""
        row = self._past[self._at]
        row[:CHANNELS] = self._groups @ rise
        row[CHANNELS:] = self._rows @ now
        self._past[self._at + FRAMES] = row
        self._at = (self._at + 1) % FRAMES
        self._count = min(self._count + 1, FRAMES)

    def read(self, period: float, phase: float) -> Floats:
        """The chance of each turn [TURNS], given the clock's period in frames and its phase."""
        end = self._at + FRAMES
        heard = turns(fold(self._past[end - self._count : end], period, phase))
        for number, (weight, bias) in enumerate(self._layers):
            if number:
                np.maximum(heard, 0.0, out=heard)
            heard = heard @ weight + bias
        score = heard[:, 0]
        chance = np.exp(score - score.max())
        return np.asarray(chance / chance.sum(), np.float32)
