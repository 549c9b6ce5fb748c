"""Bass, middle and treble, each with a gain of its own."""

from __future__ import annotations

from perform.audio.features import Signal
from perform.audio.levels import decibels
from perform.audio.spectrum import Hop, band_sums


def _band(name: str, doc: str) -> Signal:
    return Signal(name, doc, unit="dBFS", least=15.0, low=-70.0, high=-3.0)


SIGNALS = (
    _band("audio.low", "Kick and bass, 20 to 180 Hz: near 1 on each kick, below 0.3 between dry kicks."),
    _band("audio.mid", "Voices, chords and snare, 180 to 2500 Hz: 1 is as loud as this band gets of late."),
    _band("audio.high", "Hats, sibilants and air, above 2500 Hz: near 1 on each hat or clap, low between them."),
)

_EDGES = (20.0, 180.0, 2500.0, 16000.0)


class Feature:
    """Power in three bands, each levelled by itself, so that a dull room has its treble too."""

    def __init__(self, hop: Hop) -> None:
        self._sums = band_sums(hop.hertz, _EDGES)

    def hear(self, hop: Hop) -> tuple[float, ...]:
        return tuple([decibels(power) for power in (self._sums @ hop.power).tolist()])
