"""How strong the sound is, right now."""

from __future__ import annotations

from perform.audio.features import Signal
from perform.audio.levels import SILENCE_DB, Follower, decibels
from perform.audio.spectrum import Hop

SIGNALS = (
    Signal(
        "audio.rms",
        "Strength within what this music does of late: 1 is as loud as it gets, about 0.5 its middle, below 0.2 a gap. "
        "Rises at once, falls in 0.1 s. A quiet and a loud room read alike.",
        unit="dBFS",
        least=18.0,
        low=-60.0,
        high=0.0,
        floor=SILENCE_DB,
    ),
)


class Feature:
    """Root mean square over the last 20 ms or so. A full-scale square is 0 dBFS."""

    def __init__(self, hop: Hop) -> None:
        self._power = Follower(0.01, 0.02, hop.dt)

    def hear(self, hop: Hop) -> tuple[float, ...]:
        return (decibels(self._power.step(10.0 ** (hop.level / 10.0))),)
