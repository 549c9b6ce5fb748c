"""The note that is sung or played, where there is one."""

from __future__ import annotations

import math

import numpy as np

from perform.audio.features import Signal
from perform.audio.levels import Follower
from perform.audio.spectrum import Hop
from perform.audio.tones import EVERY

LOWEST, HIGHEST = 55.0, 1760.0  # A1 to A6, five octaves
SIGNALS = (
    Signal(
        "audio.pitch",
        "The pitch of a single voice in octaves: 0 at 55 Hz (A1), 0.2 an octave higher, 1 at 1760 Hz (A6). Holds the "
        "last note where there is none; falls to 0 in silence. Worth as much as audio.pitch.confidence says.",
    ),
    Signal("audio.pitch.confidence", "How clearly there is one pitch: above 0.8 a voice or a solo, below 0.5 none."),
)

_WINDOW = 0.043  # seconds: two periods of 47 Hz
_ENOUGH, _CLEAR, _KEY = 0.5, 0.85, 0.88
_SEMITONE = 1.0 / 60.0


def pitch_of(hertz: float) -> float:
    """A frequency on the scale of `audio.pitch`."""
    return min(max(math.log2(max(hertz, 1.0) / LOWEST) / math.log2(HIGHEST / LOWEST), 0.0), 1.0)


def hertz_of(pitch: float) -> float:
    """The frequency that a value of `audio.pitch` means."""
    return float(LOWEST * (HIGHEST / LOWEST) ** pitch)


class Feature:
    """The McLeod pitch method (McLeod and Wyvill 2005): the normalised square difference of the last 43 ms of the
    decimated sound, its first peak that is nearly as high as the highest, parabolic between lags. Every fourth hop."""

    def __init__(self, hop: Hop) -> None:
        rate = hop.tones.rate
        self._rate = rate
        self._count = int(2 ** round(math.log2(_WINDOW * rate)))
        self._lags = min(int(rate / LOWEST * 1.06) + 2, self._count // 2 + 1)
        self._first = max(2, int(rate / HIGHEST * 0.94))
        self._pitch = self._before = 0.0
        self._sure = Follower(0.02, 0.06, hop.dt * EVERY)
        self._fade = Follower(0.0, 0.5, hop.dt * EVERY)
        self._said = (0.0, 0.0)

    def hear(self, hop: Hop) -> tuple[float, ...]:
        if hop.tones.fresh:
            self._said = self._listen(hop)
        return self._said

    def _listen(self, hop: Hop) -> tuple[float, float]:
        lag, clarity = (0.0, 0.0) if hop.silent else self._search(hop.tones.buffer[-self._count :])
        if clarity > _ENOUGH:
            pitch = pitch_of(self._rate / lag)
            near = abs(pitch - self._before) < _SEMITONE
            if clarity > _CLEAR or near or self._pitch <= 0.0:  # else a leap, and nothing but this look speaks for it
                self._pitch = pitch
            self._before = pitch
        sure = self._sure.step(min(clarity, 1.0))
        here = self._fade.step(0.0 if hop.silent else 1.0)
        value = self._pitch * here
        if here < 0.01:
            self._pitch = self._before = 0.0
        return value if here > 0.01 else 0.0, sure if sure > 1e-3 else 0.0

    def _search(self, samples: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> tuple[float, float]:
        """The lag in samples and how clear it is, 0..1; (0, 0) where nothing repeats."""
        count, lags = self._count, self._lags
        spectrum = np.fft.rfft(samples, 2 * count)
        same = np.fft.irfft(spectrum.real**2 + spectrum.imag**2)[:lags]
        squares = np.cumsum(np.square(samples, dtype=np.float64))
        whole = squares[-1]
        ends = squares[count - 1 : count - 1 - lags : -1]  # the energy of the first count - lag samples
        starts = np.concatenate([[whole], whole - squares[: lags - 1]])  # that of the last count - lag
        near = 2.0 * same / np.maximum(ends + starts, 1e-20)
        inner = near[1:-1]
        tops = np.flatnonzero((inner > near[:-2]) & (inner >= near[2:])) + 1
        below = int(np.argmax(near < 0.0))  # where the peak at lag 0 ends
        tops = tops[(tops >= max(below, self._first)) & (near[tops] > 0.0)] if below else tops[:0]
        if not len(tops):
            return 0.0, 0.0
        high = near[tops]
        at = int(tops[int(np.argmax(high >= _KEY * high.max()))])
        left, top, right = (float(one) for one in near[at - 1 : at + 2])
        bow = left - 2.0 * top + right
        shift = 0.5 * (left - right) / bow if bow < 0.0 else 0.0
        return at + shift, top - 0.25 * (left - right) * shift
