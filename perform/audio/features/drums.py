"""Kick, snare and hat: what strikes in bass, middle or top, told apart by a small perceptron of our own."""

from __future__ import annotations

import math

import numpy as np

from perform.audio.beat.weights import under, weights
from perform.audio.features import Signal
from perform.audio.spectrum import Hop
from perform.audio.strokes import Strokes

SIGNALS = (
    Signal("audio.kick", "A pulse where a kick strikes, at times a bass note: 1 for the hardest of late.", decay=0.2),
    Signal("audio.snare", "A pulse where a snare or a clap strikes: 1 for the hardest of late.", decay=0.15),
    Signal("audio.hat", "A pulse where a hat or a shaker strikes: 1 for the hardest of late.", decay=0.08),
)

_CHANCE = (0.25, 0.25, 0.35)  # from which it is taken for the drum
_REST = (0.1, 0.1, 0.05)  # seconds between two of one drum
FAINTER, SLOPE = 0.5, 2.0  # e-folds by which a stroke may be fainter than usual; log odds for each one beyond
BELIEVED, SLOW = 0.3, 0.1  # from which chance a stroke counts for what is usual, and the share of a certain one


class Drum:
    """What is usual for one drum in this music: how loud its strokes are.

    The top of a kick or of a snare looks like a faint hat. What is a hat here is known after a few: strokes that were
    believed make up a running mean of their level, each by how much it was believed, and one that is much fainter
    than that is believed less. So music of soft hats and music of loud ones set their own thresholds.
    """

    def __init__(self, chance: float) -> None:
        self._least = math.log(chance / (1.0 - chance))
        self._usual = 0.0
        self._heard = 0.0

    def step(self, odds: float, level: float) -> bool:
        """Whether a stroke is this drum: its log odds by what it looks like, its level as a natural logarithm."""
        if self._heard > 1.0:
            odds += SLOPE * min(0.0, level - self._usual + FAINTER)
        believed = 1.0 / (1.0 + math.exp(-max(min(odds, 30.0), -30.0)))
        if believed > BELIEVED:
            self._heard += believed
            self._usual += (level - self._usual) * max(believed / self._heard, SLOW * believed)
        return odds > self._least


class Feature:
    """Strokes (`perform.audio.strokes`) read by the perceptron, two hops (11 ms) after they began."""

    def __init__(self, hop: Hop) -> None:
        self._strokes = Strokes(hop.centres, hop.dt)
        own = under("drums.", weights())
        self._layers = [(own[f"{layer}.weight"], own[f"{layer}.bias"]) for layer in ("0", "2", "4")]
        self._drums = [Drum(chance) for chance in _CHANCE]
        self._rest = [round(rest / hop.dt) for rest in _REST]
        self._wait = [0, 0, 0]

    def hear(self, hop: Hop) -> tuple[float, ...]:
        for place in range(3):
            self._wait[place] -= 1
        stroke = self._strokes.step(hop.mel)
        if stroke is None:
            return 0.0, 0.0, 0.0
        odds = stroke.seen
        for number, (weight, bias) in enumerate(self._layers):
            odds = weight @ (np.maximum(odds, 0.0) if number else odds) + bias
        out = [0.0, 0.0, 0.0]
        for place, (drum, odd) in enumerate(zip(self._drums, odds.tolist(), strict=True)):
            if drum.step(odd, stroke.level[place]) and self._wait[place] <= 0:
                self._wait[place] = self._rest[place]
                out[place] = min(1.0, max(0.3, stroke.strength[place]))
        return tuple(out)
