"""Tone or noise."""

from __future__ import annotations

import math

import numpy as np

from perform.audio.features import Signal
from perform.audio.levels import Follower
from perform.audio.spectrum import Hop

SIGNALS = (
    Signal(
        "audio.flatness",
        "Noise against tone, the spectral flatness from 100 Hz to 10 kHz, in decibels: below 0.15 a pure tone, "
        "0.3 to 0.6 music, 0.9 white noise or a cymbal. Follows in 0.05 s; falls to 0 in silence.",
    ),
)

_LOW, _HIGH, _SPAN = 100.0, 10000.0, 40.0
_EVERY = 2  # hops


class Feature:
    """Geometric over arithmetic mean of the power spectrum (Wiener entropy), 0 at -40 dB. A gain changes nothing."""

    def __init__(self, hop: Hop) -> None:
        self._where = slice(*np.searchsorted(hop.hertz, (_LOW, _HIGH)).tolist())
        self._said = (0.0,)
        count = self._where.stop - self._where.start
        self._mean = np.full(count, 1.0 / max(count, 1), np.float32)
        self._value = Follower(0.05, 0.05, _EVERY * hop.dt)

    def hear(self, hop: Hop) -> tuple[float, ...]:
        if hop.count % _EVERY != 1:
            return self._said
        target = 0.0
        if not hop.silent:
            power = hop.power[self._where]
            mean = float(np.dot(power, self._mean))
            logs = np.log(power + np.float32(mean * 1e-6 + 1e-20))
            flat = float(np.dot(logs, self._mean)) - math.log(mean + 1e-20)  # 0 for a flat spectrum, else below
            target = min(max(1.0 + flat * (10.0 / math.log(10.0)) / _SPAN, 0.0), 1.0)
        value = self._value.step(target)
        self._said = (value if value > 1e-4 else 0.0,)
        return self._said
