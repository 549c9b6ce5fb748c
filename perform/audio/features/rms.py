"""How loud it is."""

from __future__ import annotations

from perform.audio.features import Signal
from perform.audio.levels import Follower, Leveller, decibels
from perform.audio.spectrum import Hop

SIGNALS = (
    Signal(
        "audio.rms",
        "Loudness within what this music does of late: 1 is as loud as it gets, about 0.5 its middle, below 0.2 a gap. "
        "Rises at once, falls in 0.1 s. A quiet and a loud room read alike.",
    ),
    Signal(
        "audio.level",
        "Loudness as it comes in, not levelled: 0 at -60 dBFS and below, 1 at 0 dBFS (a full-scale square). "
        "Music at a healthy level reads 0.6 to 0.85.",
    ),
)


class Feature:
    """Root mean square over the last 20 ms or so."""

    def __init__(self, hop: Hop) -> None:
        self._power = Follower(0.01, 0.02, hop.dt)
        self._leveller = Leveller(hop.dt)
        self._level = Follower(0.0, 0.09, hop.dt)

    def hear(self, hop: Hop) -> tuple[float, ...]:
        level = decibels(self._power.step(10.0 ** (hop.level / 10.0)))
        raw = min(max(1.0 + level / 60.0, 0.0), 1.0)
        value = self._level.step(raw)
        return self._leveller.step(level), value if value > 1e-4 else 0.0
