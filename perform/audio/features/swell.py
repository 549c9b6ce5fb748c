"""The slow shape of the piece: verse and drop, not beat and gap."""

from __future__ import annotations

from perform.audio.features import Signal
from perform.audio.levels import SILENCE_DB, Follower, decibels
from perform.audio.spectrum import Hop

SIGNALS = (
    Signal(
        "audio.swell",
        "Where the piece stands over seconds: about 0.5 while it goes on as before, towards 1 in a build-up or drop, "
        "towards 0 in a break. Takes 2 s to move and a minute to take the new for normal.",
        slow=30.0,
    ),
)


class Feature:
    """The loudness of the last 2 s against that of the last half minute."""

    def __init__(self, hop: Hop) -> None:
        self._dt = hop.dt
        self._power = Follower(1.5, 1.5, hop.dt)
        self._heard = 0.0
        self._normal = -120.0
        self._out = Follower(0.3, 0.6, hop.dt)

    def hear(self, hop: Hop) -> tuple[float, ...]:
        target = 0.0
        if hop.level > SILENCE_DB:
            now = decibels(self._power.step(10.0 ** (hop.level / 10.0)))
            self._heard += self._dt
            self._normal += (now - self._normal) * min(1.0, self._dt / min(max(self._heard - 1.5, self._dt), 30.0))
            target = min(max(0.5 + (now - self._normal) / 16.0, 0.02), 1.0)
        value = self._out.step(target)
        return (value if value > 1e-4 else 0.0,)
