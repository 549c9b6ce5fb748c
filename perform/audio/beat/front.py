"""What the perceptrons are given of a hop: a log-mel spectrum levelled by its own loudness, and what rose in it.

Everything in it can be worked out for a whole piece at once (`perform.audio.training.features` does, for learning) or
hop by hop (here, for the show); a test holds the two together.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from perform.audio.spectrum import Hop, mel_bank

Floats = NDArray[np.float32]

BANDS = 40
LOWEST, HIGHEST = 20.0, 16000.0
MEMORY = 6.0  # seconds over which the loudest of late is forgotten
DEPTH = 1e4  # what is 40 dB below the loudest counts as little
FLOOR = 1e-9  # power below which there is nothing
LAG = 2  # hops between the spectra that the rise compares
_SCALE = 1.0 / math.log1p(DEPTH)


def bank_of(rate: int, window: int) -> Floats:
    """The mel filters [BANDS, bins], each summing to 1: power in a band, a full-scale sine at 1 within a bin."""
    bank = mel_bank(rate, window, BANDS, LOWEST, HIGHEST)
    return np.asarray(bank / np.maximum(bank.sum(axis=1, keepdims=True), 1e-12), np.float32)


class Front:
    """The input of the perceptrons, hop by hop: `now` [BANDS] 0..1, `rise` [BANDS] 0..1, bands at `centres` hertz."""

    def __init__(self, hop: Hop) -> None:
        self._bank = bank_of(hop.rate, hop.window)
        self.centres = (self._bank @ hop.hertz) / np.maximum(self._bank.sum(axis=1), 1e-12)
        self._sink = math.exp(-hop.dt / MEMORY)
        self._loudest = FLOOR
        self._past = np.zeros((LAG + 1, BANDS + 2), np.float32)
        self._at = 0
        self._spare = np.zeros(BANDS, np.float32)
        self.now = self._past[0, 1:-1]
        self.rise = np.zeros(BANDS, np.float32)

    def step(self, hop: Hop) -> None:
        """Take one hop."""
        self._at = (self._at + 1) % (LAG + 1)
        row, then = self._past[self._at], self._past[(self._at + 1) % (LAG + 1)]
        now = self.now = row[1:-1]
        np.matmul(self._bank, hop.power, out=now)
        self._loudest = max(self._loudest * self._sink, float(now.sum()), FLOOR)
        now *= np.float32(DEPTH / self._loudest)
        np.log1p(now, out=now)
        now *= np.float32(_SCALE)
        loudest = np.maximum(then[:-2], then[1:-1], out=self._spare)
        np.maximum(loudest, then[2:], out=loudest)
        np.subtract(now, loudest, out=self.rise)
        np.maximum(self.rise, 0.0, out=self.rise)
