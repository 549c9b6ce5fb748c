"""What repeats, and how fast a musician would count it: autocorrelation of what rises in six bands, read by a network.

The filter over tempo and phase (`pointer`) finds a pulse well, but which of double, half and three-halves tempo is the
beat is a matter of style. A perceptron over the autocorrelations of the last eight seconds, learned from music of many
styles, says how likely each tempo is to be the one that is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

EDGES = (0.0, 150.0, 400.0, 1500.0, 5000.0, 20000.0)  # hertz: bands whose rise is followed apart; one more for all
CHANNELS = len(EDGES)
FRAMES = 768  # frames of two hops that are remembered: 8.2 s at 48 kHz
SHORT, LONG, LAGS = 0.12, 4.2, 124  # seconds, and how many lags between, evenly in octaves
TEMPI = np.geomspace(52.0, 220.0, 49)  # bpm: edges of the classes
SIZE = CHANNELS * LAGS + 1


def groups(centres: NDArray[np.floating]) -> Floats:
    """Rows [CHANNELS, bands] that take the mean of each band's mel bands; the last of all."""
    rows = [(centres >= low) & (centres < high) for low, high in pairwise(EDGES)]
    rows.append(np.ones(len(centres), bool))
    return np.asarray([row / max(row.sum(), 1) for row in rows], np.float32)


def repeats(past: Floats, dt: float) -> Floats:
    """Autocorrelation of rises [..., frames, CHANNELS], `dt` apart: [..., SIZE], each channel 1 at lag 0.

    The last number says how much was heard (frames / FRAMES).
    """
    frames = past.shape[-2]
    x = past - past.mean(axis=-2, keepdims=True)
    size = 2 * FRAMES
    spectrum = np.fft.rfft(x, size, axis=-2)
    power = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, size, axis=-2)[..., :FRAMES, :]
    power = power / np.maximum(power[..., :1, :], 1e-9)
    lags = np.minimum(np.geomspace(SHORT, LONG, LAGS) / dt, FRAMES - 2.0)
    low = lags.astype(int)
    part = (lags - low)[:, None]
    at = power[..., low, :] * (1 - part) + power[..., low + 1, :] * part
    flat = np.swapaxes(at, -1, -2).reshape(*past.shape[:-2], CHANNELS * LAGS)
    much = np.full((*past.shape[:-2], 1), frames / FRAMES)
    return np.asarray(np.concatenate([flat, much], axis=-1), np.float32)


class Periods:
    """The memory of rises and the perceptron. `add` every frame, `read` every few. One thread."""

    def __init__(self, weights: Mapping[str, Floats], centres: NDArray[np.floating], dt: float) -> None:
        self._dt = dt
        self._groups = groups(centres)
        self._past = np.zeros((2 * FRAMES, CHANNELS), np.float32)  # written twice, so that the last are one piece
        self._at = self._count = 0
        self._layers = [
            (weights[f"{name}.weight"], weights[f"{name}.bias"])
            for name in ("0", "2", "4")
            if f"{name}.weight" in weights
        ]

    def add(self, rise: Floats) -> None:
        """One frame: what rose in each mel band."""
        row = self._groups @ rise
        self._past[self._at] = self._past[self._at + FRAMES] = row
        self._at = (self._at + 1) % FRAMES
        self._count = min(self._count + 1, FRAMES)

    def read(self) -> Floats:
        """The chance of each class of tempo."""
        end = self._at + FRAMES
        heard = repeats(self._past[end - self._count : end], self._dt)
        for number, (weight, bias) in enumerate(self._layers):
            if number:
                np.maximum(heard, 0.0, out=heard)
            heard = weight @ heard + bias
        chance = np.exp(heard - heard.max())
        return np.asarray(chance / chance.sum(), np.float32)
