"""The sound once more, slower and longer: about 12 kHz and a third of a second, for what needs fine pitch.

Chroma, key and pitch need bins of a few hertz and nothing above 5 kHz. So the sound is filtered and decimated as it
comes (a windowed sinc as one small matrix), and every eighth hop (43 ms) the long spectrum may be asked for. Its window
rises slowly and falls in its last quarter, so that a new chord counts after some 90 ms and not after half a window.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

RATE = 12000.0  # about; the nearest power of two below the sample rate that is not above 1.4 of it
SECONDS = 0.34
EVERY = 4  # hops between two looks for pitch
EVERY_CHORD = 8  # and for chroma and key, on other hops, so that not all work falls on one
A4 = 440.0


def chroma_bank(rate: float, window: int, octave: float = 5.0, width: float = 2.0) -> Floats:
    """Which pitch class each bin of a spectrum belongs to, [12, window // 2 + 1], C first.

    A bump of one semitone around each class (D. Ellis, Chroma feature analysis and synthesis, 2007), each bin of
    norm 1, then weighted by a bell over the octaves: centred on `octave` (A4 is 4.75), `width` octaves wide. The same
    numbers as `librosa.filters.chroma`; a test compares them.
    """
    hertz = np.arange(1, window) * rate / window
    places = 12 * np.log2(hertz / (A4 / 16))
    places = np.concatenate([[places[0] - 18.0], places])  # 0 Hz, an octave and a half below the first bin
    widths = np.concatenate([np.maximum(np.diff(places), 1.0), [1.0]])
    away = places[None, :] - np.arange(12)[:, None]
    away = np.remainder(away + 6 + 120, 12) - 6
    bank = np.exp(-0.5 * (2 * away / widths) ** 2)
    bank /= np.maximum(np.sqrt((bank**2).sum(axis=0)), 1e-12)
    bank *= np.exp(-0.5 * ((places / 12 - octave) / width) ** 2)
    return np.asarray(np.roll(bank, -3, axis=0)[:, : window // 2 + 1], np.float32)


class Tones:
    """The decimated sound and its long spectrum.

    `fresh` once in `EVERY` hops, `fresh_chord` once in `EVERY_CHORD`: look then at the sound, or at its spectrum.

    `rate` is the decimated one. `buffer` [window] holds the newest samples last; `hertz` [bins]. Of the ear's thread.
    """

    def __init__(self, rate: int, size: int) -> None:
        factor = 1
        while rate / factor > 1.4 * RATE and size % (2 * factor) == 0:
            factor *= 2
        self.rate = rate / factor
        self.window = int(2 ** round(np.log2(SECONDS * self.rate)))
        self.hertz = np.arange(self.window // 2 + 1, dtype=np.float32) * np.float32(self.rate / self.window)
        self.buffer = np.zeros(self.window, np.float32)
        self.fresh = self.fresh_chord = False
        self._new = size // factor
        self._factor = factor
        self._hops = 0
        taps = 16 * factor + 1
        self._tail = np.zeros(size + taps - 1, np.float32)
        self._size = size
        self._sieve = _decimator(size, factor, taps)
        long, short = self.window * 3 // 4, self.window - self.window * 3 // 4
        shape = np.concatenate([np.hanning(2 * long)[:long], np.hanning(2 * short)[short:]])
        self._shape = np.asarray(shape * (2 / shape.sum()), np.float32)
        self._chroma_bank = chroma_bank(self.rate, self.window)
        self._smooth = max(3, round(60.0 / (self.rate / self.window)))  # bins over which the floor under peaks is taken
        self._power: Floats | None = None
        self._chroma: Floats | None = None

    def step(self, samples: Floats) -> None:
        """Take the next hop of mono samples."""
        new, tail = self._new, self._tail
        self.buffer[:-new] = self.buffer[new:]
        if self._factor == 1:
            self.buffer[-new:] = samples
        else:
            tail[: -self._size] = tail[self._size :]
            tail[-self._size :] = samples
            np.matmul(self._sieve, tail, out=self.buffer[-new:])
        self._hops += 1
        self.fresh = self._hops % EVERY == 0
        self.fresh_chord = self._hops % EVERY_CHORD == 2
        if self.fresh_chord:
            self._power = self._chroma = None

    @property
    def power(self) -> Floats:
        """The power [bins] at the last fresh chord; a full-scale sine has 1 at its bin."""
        if self._power is None:
            spectrum = np.fft.rfft(self.buffer * self._shape)
            self._power = np.asarray(spectrum.real**2 + spectrum.imag**2, np.float32)
        return self._power

    @property
    def chroma(self) -> Floats:
        """How strong each pitch class is at the last fresh chord, [12], C first, not scaled.

        Only what stands out of its neighbourhood counts (noise and drums have no pitch class), by the square root of
        its magnitude, so that a bass note does not hide the chord.
        """
        if self._chroma is None:
            magnitude = np.sqrt(np.sqrt(self.power))
            half = self._smooth // 2
            sums = np.cumsum(magnitude)
            peaks = magnitude.copy()
            peaks[half + 1 : -half] -= (sums[2 * half + 1 :] - sums[: -2 * half - 1]) * np.float32(1 / (2 * half + 1))
            peaks[: half + 1] = peaks[-half:] = 0.0
            np.maximum(peaks, 0.0, out=peaks)
            self._chroma = self._chroma_bank @ peaks
        return self._chroma


def _decimator(size: int, factor: int, taps: int) -> Floats:
    """The low-pass and the decimation of one hop as a matrix [size // factor, size + taps - 1]: passes to 0.42 of
    the new rate."""
    n = np.arange(taps) - taps // 2
    kernel = np.sinc(n * 0.92 / factor) * np.blackman(taps)
    kernel /= kernel.sum()
    matrix = np.zeros((size // factor, size + taps - 1), np.float32)
    for row in range(size // factor):
        end = (row + 1) * factor - 1 + taps - 1
        matrix[row, end - taps + 1 : end + 1] = kernel
    return matrix
