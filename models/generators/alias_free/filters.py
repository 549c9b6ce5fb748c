"""Low-pass filters by the Kaiser window, on a line and on a disc (Karras et al. 2021, appendix C)."""

import math

import numpy as np
import torch
from numpy.typing import NDArray


def lowpass(taps: int, cutoff: float, half_width: float, rate: float, radial: bool = False) -> NDArray[np.float32]:
    """A low-pass filter whose coefficients add up to 1: [taps], or [taps, taps] if `radial`.

    `cutoff` and `half_width` (of the transition band) and `rate` are in cycles per picture width. A radial filter has
    the same response in all directions, which rotation needs; it is no product of two lines.
    """
    place = np.arange(taps) - (taps - 1) / 2
    window = np.kaiser(taps, kaiser_beta(taps, 4 * half_width / rate))
    if not radial:
        line = np.sinc(2 * cutoff / rate * place) * window
        return np.asarray(line / line.sum(), np.float32)
    radius = np.hypot.outer(place, place) / rate
    # J1(2 pi f r) / r, whose limit at the middle is pi f; an odd number of taps has a sample there.
    wave = torch.special.bessel_j1(torch.from_numpy(2 * math.pi * cutoff * radius)).numpy()
    jinc = np.divide(wave, radius, out=np.full_like(radius, math.pi * cutoff), where=radius > 0)
    disc = jinc * np.outer(window, window)
    return np.asarray(disc / disc.sum(), np.float32)


def kaiser_beta(taps: int, width: float) -> float:
    """The window's shape for a transition band of `width` (a share of half the sampling rate); Kaiser 1974."""
    attenuation = 2.285 * (taps - 1) * math.pi * width + 7.95  # dB
    if attenuation > 50:
        return 0.1102 * (attenuation - 8.7)
    if attenuation > 21:
        return float(0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21))
    return 0.0
