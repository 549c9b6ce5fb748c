"""Tones against drums."""

from __future__ import annotations

import numpy as np

from perform.audio.features import Signal
from perform.audio.levels import Follower
from perform.audio.spectrum import Hop

SIGNALS = (
    Signal(
        "audio.harmonic",
        "The balance of what sustains and what strikes: near 1 chords, voices and steady noise, 0.5 to 0.8 a band, "
        "below 0.3 drums alone. Follows in 0.15 s; falls to 0 in silence.",
    ),
)

_BANDS, _PAST, _WIDE, _EVERY = 104, 7, 9, 3
_HIGHEST = 10000.0


class Feature:
    """Harmonic-percussive separation by medians (FitzGerald 2010), causal: in each band the median of the last tenth of
    a second is what sustains; of each moment's median over neighbouring bands, what stands above that is what strikes.
    Every third hop."""

    def __init__(self, hop: Hop) -> None:
        end = int(np.searchsorted(hop.hertz, _HIGHEST))
        bands = min(_BANDS, end)
        self._edges = np.linspace(0, end, bands + 1)[:-1].astype(int)
        self._end = end
        self._past = np.zeros((_PAST, bands), np.float32)
        self._padded = np.zeros(bands + _WIDE - 1, np.float32)
        self._around = np.lib.stride_tricks.sliding_window_view(self._padded, _WIDE)
        self._tones = Follower(0.15, 0.15, hop.dt * _EVERY)
        self._all = Follower(0.15, 0.15, hop.dt * _EVERY)
        self._here = Follower(0.02, 0.2, hop.dt * _EVERY)
        self._ones = np.ones(bands, np.float32)
        self._said = 0.0

    def hear(self, hop: Hop) -> tuple[float, ...]:
        if hop.count % _EVERY == 0:
            if not hop.silent:
                self._separate(hop)
            value = self._here.step(0.0 if hop.silent else 1.0) * self._tones.value / max(self._all.value, 1e-12)
            self._said = min(value, 1.0) if value > 1e-3 else 0.0
        return (self._said,)

    def _separate(self, hop: Hop) -> None:
        half = _WIDE // 2
        now = np.sqrt(np.add.reduceat(hop.power[: self._end], self._edges))
        self._past[:-1] = self._past[1:]
        self._past[-1] = now
        self._padded[half:-half] = now
        self._padded[:half], self._padded[-half:] = now[half:0:-1], now[-2 : -half - 2 : -1]
        sustains = np.sort(self._past, axis=0)[_PAST // 2]
        strikes = np.partition(self._around, half, axis=1)[:, half]
        strikes -= sustains
        np.maximum(strikes, 0.0, out=strikes)
        mask = sustains / (sustains + strikes + np.float32(1e-12))
        self._tones.step(float(np.dot(mask, now)))
        self._all.step(float(np.dot(self._ones, now)))
