"""One hop of sound, measured once, for all features.

The window of 21 ms rises slowly and falls in its last quarter, so that what happened within the last hop already
counts in full: a symmetric window would hear every drum half a window (10 ms) late.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from perform.audio.levels import SILENCE_DB, decibels
from perform.audio.tones import Tones

Floats = NDArray[np.float32]

HOP = 256  # at 48 kHz
WINDOW = 1024
BANDS = 40
LOWEST, HIGHEST = 20.0, 16000.0
LAG = 2  # hops between the spectra that the rise compares
_COMPRESSION = 500.0
_SCALE = float(1.0 / np.log1p(_COMPRESSION))


def hop_frames(rate: int) -> int:
    """Frames a hop at a sample rate: the power of two nearest to 5.3 ms (256 at 44.1 and 48 kHz, 512 at 96 kHz)."""
    return int(2 ** max(1, round(np.log2(HOP * rate / 48000))))


def mel_bank(rate: int, window: int, bands: int = BANDS, low: float = LOWEST, high: float = HIGHEST) -> Floats:
    """Triangular mel filters [bands, window // 2 + 1], each of area 1 (Slaney's scale and norm, Auditory Toolbox 1998).

    The same numbers as `librosa.filters.mel` (a test compares them); written out because to import librosa takes
    seconds, which the first picture would have to wait for.
    """
    high = min(high, rate / 2)
    edges = _hertz(np.linspace(_mel(low), _mel(high), bands + 2))
    bins = np.arange(window // 2 + 1) * rate / window
    ramps = edges[:, None] - bins[None, :]
    widths = np.diff(edges)[:, None]
    up, down = -ramps[:-2] / widths[:-1], ramps[2:] / widths[1:]
    bank = np.maximum(0.0, np.minimum(up, down)) * (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return np.asarray(bank, np.float32)


def band_sums(hertz: Floats, edges: Sequence[float]) -> Floats:
    """Rows [bands, bins] that sum a power spectrum between `edges`; a full-scale sine gives half, its mean square."""
    return np.asarray(
        [np.where((hertz >= low) & (hertz < high), 0.5, 0.0) for low, high in pairwise(edges)], np.float32
    )


def _mel(hertz: float) -> float:
    return float(hertz / (200 / 3) if hertz < 1000 else 15 + 27 * np.log(hertz / 1000) / np.log(6.4))


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))


class Hop:
    """What the features see of one hop. The arrays are written anew each hop: read them, do not keep them.

    `samples` [hop] mono, finite; `sides` [hop, 2] left and right; `count` hops so far; `level` dBFS of the
    hop, by the power of both sides, `silent` where that is nothing; `power` [bins], where a
    full-scale sine has 1 at its bin; `mel` [BANDS] power in mel bands; `log_mel` [BANDS] 0..1 by each band's own peak
    of late; `rise` [BANDS] how much of `log_mel` is new since `LAG` hops ago, `flux` its mean. `dt` is the hop in
    seconds; `hertz` [bins] and `centres` [BANDS] say where things are. `tones` is the sound decimated, for fine pitch.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.size = hop_frames(rate)
        self.dt = self.size / rate
        window = self.size * (WINDOW // HOP)
        self.window = window
        self.hertz = np.arange(window // 2 + 1, dtype=np.float32) * np.float32(rate / window)
        bank = mel_bank(rate, window)
        self.centres = (bank @ self.hertz) / np.maximum(bank.sum(axis=1), 1e-12)
        self.count = 0
        self.samples = np.zeros(self.size, np.float32)
        self.sides = np.zeros((self.size, 2), np.float32)
        self.tones = Tones(rate, self.size)
        self.level = -120.0
        self.power = np.zeros(window // 2 + 1, np.float32)
        self.mel = np.zeros(BANDS, np.float32)
        self.log_mel = np.zeros(BANDS, np.float32)
        self.rise = np.zeros(BANDS, np.float32)
        self.flux = 0.0
        self.silent = True
        self._mean = np.full(BANDS, 1 / BANDS, np.float32)
        self._bank = bank / np.maximum(bank.sum(axis=1, keepdims=True), 1e-12)
        self._buffer = np.zeros(window, np.float32)
        long, short = window * 3 // 4, window - window * 3 // 4
        shape = np.concatenate([np.hanning(2 * long)[:long], np.hanning(2 * short)[short:]])
        self._shape = np.asarray(shape * (2 / shape.sum()), np.float32)
        self._peak = np.zeros(BANDS, np.float32)
        self._sink = np.float32(np.exp(-self.dt / 1.5))
        self._past = np.zeros((LAG + 1, BANDS + 2), np.float32)
        self._index = 0

    def step(self, samples: Floats, sides: Floats | None = None) -> None:
        """Take the next `size` mono samples, and left and right [size, 2] where they differ; finite, within +-8."""
        size, buffer = self.size, self._buffer
        self.count += 1
        self.tones.step(samples)
        if sides is None:
            self.sides[:] = samples[:, None]
            power = float(np.dot(samples, samples))
        else:
            self.sides = sides
            power = 0.5 * float(np.vdot(sides, sides))
        buffer[:-size] = buffer[size:]
        buffer[-size:] = samples
        self.samples = samples
        self.level = decibels(power / size)
        self.silent = self.level <= SILENCE_DB
        spectrum = np.fft.rfft(buffer * self._shape)
        np.multiply(spectrum.real, spectrum.real, out=self.power, casting="same_kind")
        self.power += spectrum.imag * spectrum.imag
        np.matmul(self._bank, self.power, out=self.mel)
        self._whiten()

    def _whiten(self) -> None:
        """Each band by its own peak (adaptive whitening, Stowell and Plumbley 2007), then the rise.

        The rise compares with the loudest of the band and its neighbours before (Boeck and Widmer 2013), so that a
        vibrato or a glide is not taken for new sound.
        """
        peak = self._peak
        peak *= self._sink
        np.maximum(peak, self.mel, out=peak)
        floor = max(float(peak.max()) * 1e-4, 1e-11)
        log_mel = self.log_mel
        np.maximum(peak, floor, out=log_mel)
        np.divide(self.mel, log_mel, out=log_mel)
        log_mel *= _COMPRESSION
        np.log1p(log_mel, out=log_mel)
        log_mel *= _SCALE
        self._index = (self._index + 1) % (LAG + 1)
        then = self._past[(self._index + 1) % (LAG + 1)]
        self._past[self._index, 1:-1] = self.log_mel
        loudest = np.maximum(then[:-2], then[1:-1])
        np.maximum(loudest, then[2:], out=loudest)
        np.subtract(self.log_mel, loudest, out=self.rise)
        np.maximum(self.rise, 0.0, out=self.rise)
        self.flux = float(np.dot(self.rise, self._mean))
