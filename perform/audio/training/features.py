"""Sound to the networks' input, a whole piece at once: the same numbers as `perform.audio.beat.front`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perform.audio.beat.front import BANDS, DEPTH, FLOOR, LAG, MEMORY, bank_of
from perform.audio.beat.pointer import STEP
from perform.audio.spectrum import Hop

Floats = NDArray[np.float32]

RATE = 48000
_AT_ONCE = 2048


def mel_power(sound: Floats) -> Floats:
    """Power in the mel bands [hops, BANDS] of mono sound at 48 kHz."""
    hop = Hop(RATE)
    shape, bank = hop._shape, bank_of(RATE, hop.window).T
    padded = np.concatenate([np.zeros(hop.window - hop.size, np.float32), sound])
    frames = np.lib.stride_tricks.sliding_window_view(padded, hop.window)[:: hop.size]
    out = np.empty((len(frames), BANDS), np.float32)
    for start in range(0, len(frames), _AT_ONCE):
        spectrum = np.fft.rfft(frames[start : start + _AT_ONCE] * shape)
        out[start : start + _AT_ONCE] = (spectrum.real**2 + spectrum.imag**2).astype(np.float32) @ bank
    return out


def front(power: Floats, dt: float) -> tuple[Floats, Floats]:
    """`now` and `rise` [..., hops, BANDS] of mel power [..., hops, BANDS], each piece from cold."""
    total = np.log(np.maximum(power.sum(axis=-1), FLOOR)).astype(np.float64)
    fall = np.arange(power.shape[-2]) * dt / MEMORY
    loudest = np.exp(np.maximum.accumulate(total + fall, axis=-1) - fall)
    np.maximum(loudest, FLOOR, out=loudest)
    now = np.log1p(power * (DEPTH / loudest)[..., None]) / np.log1p(DEPTH)
    now = now.astype(np.float32)
    wide = np.pad(now, [(0, 0)] * (now.ndim - 2) + [(LAG, 0), (1, 1)])
    then = wide[..., : now.shape[-2], :]
    loud = np.maximum(np.maximum(then[..., :-2], then[..., 1:-1]), then[..., 2:])
    return now, np.maximum(now - loud, 0.0)


def framed(now: Floats, rise: Floats) -> tuple[Floats, Floats]:
    """Mean level and greatest rise [..., frames, BANDS] of each frame of hops [..., hops, BANDS], as the tracker makes
    them of what `front` gives; `hops` fill whole frames."""
    shape = (*now.shape[:-2], -1, STEP, BANDS)
    return now.reshape(shape).mean(axis=-2), rise.reshape(shape).max(axis=-2)
