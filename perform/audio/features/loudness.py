"""How loud it is to an ear."""

from __future__ import annotations

from collections import deque

import numpy as np

from perform.audio.features import Signal
from perform.audio.levels import decibels
from perform.audio.spectrum import Hop
from perform.audio.weighting import BlockFilter, k_weighting

SIGNALS = (
    Signal(
        "audio.loudness",
        "Momentary loudness of EBU R128 (the last 400 ms, K-weighted) within what this music does of late: smooth, "
        "slower than audio.rms, and deaf to rumble. Raw: 0 at -60 LUFS, 1 at 0 LUFS; mastered music reads 0.75 or so.",
        unit="LUFS",
        least=9.0,
        low=-60.0,
        high=0.0,
        floor=-80.0,
    ),
)

WINDOW = 0.4  # seconds


class Feature:
    """Loudness by ITU-R BS.1770-4: left and right K-weighted, their powers added, -0.691 dB; no gate, as R128 says for
    the momentary value. A source of one channel counts on both sides (dual mono)."""

    def __init__(self, hop: Hop) -> None:
        self._filter = BlockFilter(k_weighting(hop.rate), hop.size)
        count = max(1, round(WINDOW / hop.dt))
        self._powers: deque[float] = deque([0.0] * count, maxlen=count)
        self._size = hop.size * count

    def hear(self, hop: Hop) -> tuple[float, ...]:
        if hop.silent:
            self._filter.forget()
            self._powers.append(0.0)
        else:
            weighted = self._filter.step(hop.sides).ravel()
            self._powers.append(float(np.dot(weighted, weighted)))
        return (decibels(sum(self._powers) / self._size) - 0.691,)
