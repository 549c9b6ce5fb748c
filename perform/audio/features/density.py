"""How busy it is."""

from __future__ import annotations

import math

from perform.audio.features import Signal
from perform.audio.levels import Striker
from perform.audio.spectrum import Hop

SIGNALS = (
    Signal(
        "audio.density",
        "Onsets a second over the last two seconds or so: 0 none, 0.25 three, 1 twelve or more. Falls to 0 in silence.",
        unit="onsets/s",
    ),
)

_MEMORY, _FULL = 2.0, 12.0


class Feature:
    """Onsets counted with a memory that fades."""

    def __init__(self, hop: Hop) -> None:
        self._striker = Striker(hop.dt, spread=1.6, least=0.025, rest=0.06)
        self._fade, self._fade_fast = math.exp(-hop.dt / _MEMORY), math.exp(-hop.dt / 0.5)
        self._rate = 0.0

    def hear(self, hop: Hop) -> tuple[float, ...]:
        self._rate *= self._fade_fast if hop.silent else self._fade
        if self._striker.step(0.0 if hop.silent else hop.flux) > 0.0:
            self._rate += 1.0 / _MEMORY
        return (min(self._rate / _FULL, 1.0) if self._rate > 1e-3 else 0.0,)
