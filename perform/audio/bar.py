"""Which beat of the bar it is: what is heard of it, gathered over bars."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

BEATS = 4
_MEMORY = 16.0  # answers, or beats, after which an older one counts a third
_KEEP = math.exp(-1.0 / _MEMORY)
_FOLDED, _HEARD = 0.5, 0.25  # weight of what the folded bars say, and of what each beat says by itself
_LEAD = 0.6  # how much likelier (in logs, on average) another beat must be before the count changes


class Bar:
    """Counts beats in fours; `count` is 0 on the first of a bar. The count moves only to what is clearly likelier."""

    def __init__(self) -> None:
        self.count = BEATS - 1
        self._folded = np.zeros(BEATS)
        self._weight = 0.0
        self._heard = np.zeros(BEATS)

    def beat(self) -> None:
        """A beat begins now."""
        self.count = (self.count + 1) % BEATS

    def hear(self, odds: float, ago: int) -> None:
        """The log odds that the beat of `ago` beats ago (0 the newest) was the first of a bar."""
        self._heard *= _KEEP
        self._heard[(self.count - ago) % BEATS] += odds

    def weigh(self, chances: Sequence[float]) -> None:
        """How likely it is that the newest beat but three, two, one, none is the first of a bar."""
        self._folded *= _KEEP
        self._weight = self._weight * _KEEP + 1.0
        for ago, chance in enumerate(chances):
            self._folded[(self.count - (BEATS - 1) + ago) % BEATS] += math.log(chance)
        evidence = _FOLDED * self._folded / self._weight + _HEARD * self._heard
        best = int(np.argmax(evidence))
        if evidence[best] - evidence[0] > _LEAD / math.sqrt(min(self._weight, 4.0)):
            self.count = (self.count - best) % BEATS
            self._folded, self._heard = np.roll(self._folded, -best), np.roll(self._heard, -best)
