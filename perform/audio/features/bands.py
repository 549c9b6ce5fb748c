"""Bass, middle and treble, each with a gain of its own."""

from __future__ import annotations

from itertools import pairwise

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
        self._spans = [
            slice(int((hop.hertz < low).sum()), max(int((hop.hertz < high).sum()), int((hop.hertz < low).sum()) + 1))
            for low, high in pairwise(_EDGES)
        ]
        self._levels = [Leveller(hop.dt, least=15.0) for _ in self._spans]

    def hear(self, hop: Hop) -> tuple[float, ...]:
        power = hop.power
        return tuple(
            level.step(-120.0 if hop.silent else decibels(0.5 * float(power[span].sum())))
            for span, level in zip(self._spans, self._levels, strict=True)
        )
