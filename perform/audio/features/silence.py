"""Nothing to hear."""

from __future__ import annotations

from perform.audio.features import Signal
from perform.audio.levels import Follower
from perform.audio.spectrum import Hop

SIGNALS = (
    Signal(
        "audio.silence",
        "1 while there is nothing to hear: no sound at all, or 45 dB below the loudest of the last minute, for a "
        "quarter of a second. Back to 0 with the first sound.",
        rest=1.0,
    ),
)

_BELOW, _SINK, _WAIT = 45.0, 0.2, 0.25  # dB, dB a second, seconds


class Feature:
    """The level against its own past; the loudest sinks by 12 dB a minute, so a show that grows quieter is followed."""

    def __init__(self, hop: Hop) -> None:
        self._dt = hop.dt
        self._loudest = -120.0
        self._quiet = _WAIT
        self._value = Follower(0.1, 0.0, hop.dt, 1.0)

    def hear(self, hop: Hop) -> tuple[float, ...]:
        if not hop.silent:
            self._loudest = max(hop.level, self._loudest - _SINK * self._dt)
        quiet = hop.silent or hop.level < self._loudest - _BELOW
        self._quiet = self._quiet + self._dt if quiet else 0.0
        value = self._value.step(1.0 if self._quiet >= _WAIT else 0.0)
        return (1.0 if value > 0.9999 else value,)
