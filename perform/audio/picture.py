"""The spectrum in 64 bands and the wave, as pictures for shaders: both find their own range, like everything here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perform.audio.levels import Follower
from perform.audio.spectrum import Hop
from perform.engine.sound import SPECTRUM, WAVE, SoundPicture

Floats = NDArray[np.float32]

LOWEST, HIGHEST = 30.0, 16000.0
RANGE = 54.0  # dB from black to white
TILT = 3.0  # dB an octave: music falls off about so, and its treble should be seen
EVERY = 3  # hops: as often as a wall is drawn


def log_bank(hertz: Floats, bands: int = SPECTRUM, low: float = LOWEST, high: float = HIGHEST) -> Floats:
    """Triangles on a scale of octaves, [bands, bins], each of sum 1; where a band is narrower than a bin, it reads
    between the two bins beside it."""
    step = hertz[1] - hertz[0]
    high = min(high, float(hertz[-1]))
    edges = low * (high / low) ** (np.arange(-1, bands + 1) / (bands - 1))
    bank = np.zeros((bands, len(hertz)), np.float32)
    for row, centre in enumerate(edges[1:-1]):
        left, right = min(edges[row], centre - step), max(edges[row + 2], centre + step)
        rise, fall = (hertz - left) / (centre - left), (right - hertz) / (right - centre)
        bank[row] = np.maximum(np.minimum(rise, fall), 0.0)
    return np.asarray(bank / np.maximum(bank.sum(axis=1, keepdims=True), 1e-9), np.float32)


class Pictures:
    """Makes a `SoundPicture` every third hop (16 ms). Of the ear's thread.

    The loudest band of the last seconds is white, 54 dB below it black (one range for all bands, so that the shape of
    the sound stays true); a band rises at once and falls in 0.12 s. The wave is scaled by its own peak of late.
    """

    def __init__(self, hop: Hop) -> None:
        dt = hop.dt * EVERY
        self._bank = log_bank(hop.hertz)
        low, high = LOWEST, min(HIGHEST, float(hop.hertz[-1]))
        octaves = np.log2((high / low) ** (np.arange(SPECTRUM) / (SPECTRUM - 1)))
        self._tilt = np.asarray(TILT * octaves, np.float32)
        self._top = Follower(0.2, 4.0, dt, -60.0)
        self._peak = Follower(0.0, 4.0, dt)
        self._keep = np.float32(np.exp(-dt / 0.12))
        self._spectrum = np.zeros(SPECTRUM, np.float32)
        self._wave = np.zeros((2, WAVE), np.float32)
        self.newest = SoundPicture(self._spectrum.copy(), self._wave + np.float32(0.5))

    def step(self, hop: Hop) -> SoundPicture:
        """Each hop; gives the newest picture."""
        count = min(hop.size, WAVE)
        self._wave[:, :-count] = self._wave[:, count:]
        self._wave[:, -count:] = hop.sides[-count:].T
        if hop.count % EVERY == 0:
            self.newest = self._make(hop)
        return self.newest

    def _make(self, hop: Hop) -> SoundPicture:
        fallen = self._spectrum * self._keep
        fallen[fallen < 1e-3] = 0.0
        if not hop.silent:
            level = np.log10(self._bank @ hop.power + np.float32(1e-12))
            level *= np.float32(10.0)
            level += self._tilt
            top = self._top.step(float(level.max()))
            level -= np.float32(top - RANGE)
            level *= np.float32(1.0 / RANGE)
            np.clip(level, 0.0, 1.0, out=level)
            np.maximum(fallen, level, out=fallen)
        self._spectrum = fallen
        peak = max(self._peak.step(float(np.abs(self._wave).max())), 1e-4)
        wave = np.clip(self._wave * np.float32(0.45 / peak) + np.float32(0.5), 0.0, 1.0)
        return SoundPicture(fallen, wave)
