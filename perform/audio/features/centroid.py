"""How bright it is."""

from __future__ import annotations

import math

import numpy as np

from perform.audio.features import Signal
from perform.audio.levels import Follower
from perform.audio.spectrum import Hop

SIGNALS = (
    Signal(
        "audio.centroid",
        "Brightness, the spectral centroid on a scale of octaves: 0 at 100 Hz, 0.5 at 1 kHz, 1 at 10 kHz. A kick "
        "reads below 0.2, full music about 0.4 to 0.6, a hat above 0.9. Follows in 0.04 s; falls to 0 in silence.",
    ),
)


class Feature:
    """The centre of gravity of the magnitude spectrum. A gain changes nothing of it."""

    def __init__(self, hop: Hop) -> None:
        self._value = Follower(0.04, 0.04, hop.dt)
        self._magnitude = np.zeros_like(hop.power)
        self._moments = np.stack([hop.hertz, np.ones_like(hop.hertz)])

    def hear(self, hop: Hop) -> tuple[float, ...]:
        target = 0.0
        if not hop.silent:
            magnitude = np.sqrt(hop.power, out=self._magnitude)
            moment, total = (self._moments @ magnitude).tolist()
            centre = moment / max(total, 1e-12)
            target = min(max(math.log10(max(centre, 100.0) / 100.0) / 2.0, 0.0), 1.0)
        value = self._value.step(target)
        return (value if value > 1e-4 else 0.0,)
