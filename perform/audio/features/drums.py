"""Kick, snare and hat by where in the spectrum something begins. Cheap; a trained ear is another matter."""

from __future__ import annotations

import numpy as np

from perform.audio.features import Signal
from perform.audio.levels import Striker
from perform.audio.spectrum import Hop

SIGNALS = (
    Signal("audio.kick", "A pulse where the bass strikes (below 130 Hz): the kick, at times a bass note.", decay=0.2),
    Signal("audio.snare", "A pulse where the upper middle strikes broadly (1.5 to 8 kHz): snare and clap.", decay=0.15),
    Signal("audio.hat", "A pulse where only the top strikes (above 7 kHz): hats and shakers.", decay=0.08),
)

_BANDS = ((20.0, 130.0), (1500.0, 8000.0), (7000.0, 16000.0))
_SETTINGS = ((1.8, 0.06, 0.12), (2.4, 0.07, 0.12), (1.8, 0.05, 0.06))


class Feature:
    """The mean rise of the mel bands of each drum, each with a threshold of its own."""

    def __init__(self, hop: Hop) -> None:
        masks = [(hop.centres >= low) & (hop.centres < high) for low, high in _BANDS]
        self._means = np.asarray([mask / max(int(mask.sum()), 1) for mask in masks], np.float32)  # [3, bands]
        self._strikers = [Striker(hop.dt, spread=s, least=least, rest=rest) for s, least, rest in _SETTINGS]

    def hear(self, hop: Hop) -> tuple[float, ...]:
        if hop.silent:
            return tuple([striker.step(0.0) for striker in self._strikers])
        rises = (self._means @ hop.rise).tolist()
        return tuple([striker.step(rise) for striker, rise in zip(self._strikers, rises, strict=True)])
