"""Kick, snare and hat by where in the spectrum something strikes hard. Cheap; a trained ear is another matter."""

from __future__ import annotations

import numpy as np

from perform.audio.features import Signal
from perform.audio.levels import Striker
from perform.audio.spectrum import BANDS, LAG, Hop

SIGNALS = (
    Signal(
        "audio.kick", "A pulse where the bass strikes hard (below 130 Hz): the kick, at times a bass note.", decay=0.2
    ),
    Signal("audio.snare", "A pulse where the upper middle strikes hard (2 to 6 kHz): snare and clap.", decay=0.15),
    Signal(
        "audio.hat", "A pulse where the top strikes (above 9 kHz): hats, shakers, and the edge of a snare.", decay=0.08
    ),
)

_BANDS = ((20.0, 130.0), (2000.0, 6000.0), (9000.0, 16000.0))
_SHARE_AND_REST = ((0.48, 0.12), (0.65, 0.12), (0.3, 0.06))


class Feature:
    """The rise of amplitude in the mel bands of each drum since `LAG` hops ago, against the strongest of late.

    In amplitude and not in decibels, other than the onsets: a drum is the loudest thing in its band.
    """

    def __init__(self, hop: Hop) -> None:
        masks = [(hop.centres >= low) & (hop.centres < high) for low, high in _BANDS]
        self._masks = np.asarray(masks, np.float32)  # [3, bands]
        self._past = np.zeros((LAG + 1, BANDS), np.float32)
        self._rise = np.zeros(BANDS, np.float32)
        self._index = 0
        self._strikers = [
            Striker(hop.dt, spread=1.5, least=1e-5, rest=rest, share=share, fall=4.0) for share, rest in _SHARE_AND_REST
        ]

    def hear(self, hop: Hop) -> tuple[float, ...]:
        self._index = (self._index + 1) % (LAG + 1)
        now, then = self._past[self._index], self._past[(self._index + 1) % (LAG + 1)]
        np.sqrt(hop.mel, out=now)
        np.subtract(now, then, out=self._rise)
        np.maximum(self._rise, 0.0, out=self._rise)
        rises = (self._masks @ self._rise).tolist()
        return tuple([striker.step(rise) for striker, rise in zip(self._strikers, rises, strict=True)])
