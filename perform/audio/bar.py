"""Which beat of the bar it is: what is heard of it, gathered over bars."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

BEATS = 4
_MEMORY = 16.0  # answers after which an older one counts a third
_LEAD = 0.6  # how much likelier (in logs, on average) another beat must be before the count changes


class Bar:
    """Counts beats in fours; `count` is 0 on the first of a bar. The count moves only to what is clearly likelier."""

    def __init__(self) -> None:
        self.count = BEATS - 1
        self._evidence = np.zeros(BEATS)
        self._weight = 0.0

    def beat(self) -> None:
        """A beat begins now."""
        self.count = (self.count + 1) % BEATS

    def weigh(self, chances: Sequence[float]) -> None:
        """How likely it is that the newest beat but three, two, one, none is the first of a bar."""
        keep = math.exp(-1.0 / _MEMORY)
        self._evidence *= keep
        self._weight = self._weight * keep + 1.0
        for ago, chance in enumerate(chances):
            self._evidence[(self.count - (BEATS - 1) + ago) % BEATS] += math.log(chance)
        best = int(np.argmax(self._evidence))
        if (self._evidence[best] - self._evidence[0]) / self._weight > _LEAD / math.sqrt(min(self._weight, 4.0)):
            self.count = (self.count - best) % BEATS
            self._evidence = np.roll(self._evidence, -best)
