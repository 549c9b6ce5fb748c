"""Bass, middle and treble, each with a gain of its own."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from perform.audio.features import Signal
from perform.audio.levels import Leveller, decibels
from perform.audio.spectrum import Hop

SIGNALS = (
    Signal("audio.low", "Kick and bass, 20 to 180 Hz: near 1 on each kick, below 0.3 between dry kicks."),
    Signal("audio.mid", "Voices, chords and snare, 180 to 2500 Hz: 1 is as loud as this band gets of late."),
    Signal("audio.high", "Hats, sibilants and air, above 2500 Hz: near 1 on each hat or clap, low between them."),
)

_EDGES = (20.0, 180.0, 2500.0, 16000.0)


class Feature:
    """Power in three bands, each levelled by itself, so that a dull room has its treble too."""

    def __init__(self, hop: Hop) -> None:
        sums = [np.where((hop.hertz >= low) & (hop.hertz < high), 0.5, 0.0) for low, high in pairwise(_EDGES)]
        self._sums = np.asarray(sums, np.float32)  # [3, bins]
        self._levels = [Leveller(hop.dt, least=15.0, gate=-110.0) for _ in sums]

    def hear(self, hop: Hop) -> tuple[float, ...]:
        powers = (self._sums @ hop.power).tolist()
        silent = hop.silent
        return tuple(
            [
                level.step(-120.0 if silent else decibels(power))
                for power, level in zip(powers, self._levels, strict=True)
            ]
        )
