"""Whether the clock goes with the beat or with the off-beat: what the networks say of both, gathered beat after beat.

A pointer over tempo and phase changes its mind within a few beats, and where a guitar plays between the beats it does.
Music hardly ever turns by half a beat, so the answer is gathered slowly, and the slower the longer it was heard.
"""

from __future__ import annotations

import math

NEAR = 0.17  # beats: what counts as on the beat, and as in its middle
LEAST, MOST = 0.02, 0.95  # of a chance
CLEAR = 3.0  # log odds that one beat can say at most
FIRST, LAST = 2, 0.03  # how many beats the first counts as; least share of a new beat
DWELL = 0.07  # share of a new answer of the folded bars
CONTRARY = 1.5  # log odds of the off-beat at which the clock turns over


def odds(chance: float, least: float = LEAST, most: float = MOST) -> float:
    """The natural logarithm of the odds of a chance that is never quite sure."""
    chance = min(max(chance, least), most)
    return math.log(chance / (1.0 - chance))


class Offbeat:
    """`log_odds` are positive where the clock is on the beat. One thread."""

    def __init__(self) -> None:
        self._folded = 0.0
        self._beats, self._count = 0.0, 0
        self._on = self._between = 0.0
        self._last = 0.0

    @property
    def log_odds(self) -> float:
        return self._folded + self._beats

    @property
    def contrary(self) -> bool:
        """Whether it is the off-beat, and clearly so."""
        return self.log_odds < -CONTRARY

    def hear(self, phase: float, chance: float) -> None:
        """A moment of the beat (`phase` 0..1 of the clock) and the chance that a beat was there."""
        if phase < NEAR or phase > 1.0 - NEAR:
            self._on = max(self._on, chance)
        elif abs(phase - 0.5) < NEAR:
            self._between = max(self._between, chance)
        if self._last < 0.75 <= phase:
            said = min(max(odds(self._on) - odds(self._between), -CLEAR), CLEAR)
            self._count += 1
            self._beats += (said - self._beats) * max(1.0 / (self._count + FIRST), LAST)
            self._on = self._between = 0.0
        self._last = phase

    def fold(self, chance: float) -> None:
        """What the folded bars say: the chance that the clock is on the beat."""
        self._folded += (odds(chance, 0.01, 0.99) - self._folded) * DWELL

    def turn(self) -> None:
        """The clock was moved by half a beat."""
        self._folded, self._beats = -self._folded, -self._beats
        self._on, self._between = self._between, self._on

    def forget(self) -> None:
        """The clock goes at another tempo."""
        self._beats, self._count = 0.0, 0
