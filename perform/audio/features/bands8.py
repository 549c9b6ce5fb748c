"""Eight bands, from the floor to the air."""

from __future__ import annotations

from perform.audio.features import Signal
from perform.audio.levels import decibels
from perform.audio.spectrum import Hop, band_sums

_EDGES = (20.0, 70.0, 140.0, 280.0, 560.0, 1120.0, 2500.0, 6000.0, 16000.0)
_WHAT = ("sub", "bass", "upper bass", "low middle", "middle", "upper middle", "presence", "air")
SIGNALS = tuple(
    Signal(
        f"audio.band.{number}",
        f"Band {number} of 8, {what}, {_EDGES[number - 1]:g} to {_EDGES[number]:g} Hz: 1 is its loudest of late.",
        unit="dBFS",
        least=15.0,
        low=-70.0,
        high=-3.0,
    )
    for number, what in enumerate(_WHAT, 1)
)


class Feature:
    """Power in eight bands of about an octave, each levelled by itself."""

    def __init__(self, hop: Hop) -> None:
        self._sums = band_sums(hop.hertz, _EDGES)

    def hear(self, hop: Hop) -> tuple[float, ...]:
        return tuple([decibels(power) for power in (self._sums @ hop.power).tolist()])
