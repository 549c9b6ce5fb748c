"""K-weighting, the ear's curve of EBU R128 (ITU-R BS.1770-4, annex 1), as a filter that takes a hop at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Biquad = tuple[float, float, float, float, float]  # b0 b1 b2 a1 a2

CHUNK = 256


def k_weighting(rate: float) -> tuple[Biquad, Biquad]:
    """The two stages at a sample rate: the head's shelf, then the low cut.

    At 48 kHz these are the coefficients of the standard; for other rates its analogue prototypes are transformed anew.
    """
    gain, centre, q = 3.999843853973347, 1681.974450955533, 0.7071752369554196
    k = math.tan(math.pi * min(centre / rate, 0.49))
    top = 10 ** (gain / 20)
    band = top**0.4996667741545416
    a0 = 1 + k / q + k * k
    shelf = (
        (top + band * k / q + k * k) / a0, 2 * (k * k - top) / a0, (top - band * k / q + k * k) / a0,
        2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0,
    )  # fmt: skip
    centre, q = 38.13547087602444, 0.5003270373238773
    k = math.tan(math.pi * centre / rate)
    a0 = 1 + k / q + k * k
    return shelf, (1.0, -2.0, 1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0)


class BlockFilter:
    """A chain of biquads over `channels`, worked a block at a time: what the input and the state each add to a block is
    a matrix, so that a hop costs three small products instead of a loop over samples."""

    def __init__(self, stages: Sequence[Biquad], size: int, channels: int = 2) -> None:
        self._chunk = min(size, CHUNK)
        order = 2 * len(stages)
        impulse = np.zeros((self._chunk, 1 + order))
        impulse[0, 0] = 1.0
        state = np.zeros((order, 1 + order))
        state[:, 1:] = np.eye(order)
        out, ends, last = np.zeros_like(impulse), [], state
        for n in range(self._chunk):
            out[n], last = _advance(stages, impulse[n], last)
            ends.append(last[:, 0])
        response, place = out[:, 0], np.arange(self._chunk)
        since = place[:, None] - place[None, :]
        lower = np.where(since >= 0, response[np.abs(since)], 0.0)
        self._through = np.asarray(lower, np.float32)
        self._echo = np.asarray(out[:, 1:], np.float32)
        self._keep = np.asarray(last[:, 1:], np.float32)
        self._take = np.asarray(np.stack(ends[::-1], axis=1), np.float32)
        self._state = np.zeros((order, channels), np.float32)
        self._out = np.zeros((size, channels), np.float32)

    def forget(self) -> None:
        """After silence: nothing rings on. (What fades for ever ends in denormal numbers, which cost a hundredfold.)"""
        self._state[:] = 0.0

    def step(self, block: Floats) -> Floats:
        """The next `size` frames [size, channels], filtered. Valid until the next call."""
        for start in range(0, len(block), self._chunk):
            part = block[start : start + self._chunk]
            out = self._out[start : start + self._chunk]
            np.matmul(self._through, part, out=out)
            out += self._echo @ self._state
            self._state = self._keep @ self._state + self._take @ part
        return self._out


def _advance(
    stages: Sequence[Biquad], x: NDArray[np.float64], state: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One sample of the chain in transposed direct form II; columns are independent."""
    new = state.copy()
    for stage, (b0, b1, b2, a1, a2) in enumerate(stages):
        y = b0 * x + state[2 * stage]
        new[2 * stage] = b1 * x - a1 * y + state[2 * stage + 1]
        new[2 * stage + 1] = b2 * x - a2 * y
        x = y
    return x, new
