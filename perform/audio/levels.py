"""Levels that find their own range: what makes a quiet and a loud room play alike.

All of them integrate seconds (`dt`), never hops, and none of them sees the future. Plain Python numbers where there is
one, because a numpy scalar costs more than the arithmetic here; vectors where there are many.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SILENCE_DB = -84.0  # dBFS; below it there is no sound, only the noise of a converter


def decibels(power: float) -> float:
    """Power (mean square, 1 is full scale) in dB, not below -120."""
    return 10.0 * math.log10(power) if power > 1e-12 else -120.0


class Follower:
    """A value that follows with one time constant up and another down (seconds; 0 is at once)."""

    __slots__ = ("_down", "_up", "value")

    def __init__(self, up: float, down: float, dt: float, value: float = 0.0) -> None:
        self._up = _share(up, dt)
        self._down = _share(down, dt)
        self.value = value

    def step(self, target: float) -> float:
        """Go towards `target` for one hop; gives the new value."""
        self.value += (target - self.value) * (self._up if target > self.value else self._down)
        return self.value


class Levels:
    """Several numbers at once, each to 0..1 by its range of late: 1 is as loud as this music gets, 0 as quiet.

    The range comes from running percentiles: of the last `MEMORY` seconds the maxima and minima of `SLOTS` equal parts
    are kept; the top is the `HIGH` percentile of the maxima, the bottom the `LOW` percentile of the minima. So one
    click does not make the rest small, and after `MEMORY` seconds nothing is left of a louder past. The range glides
    there within 0.2 s and is never taken as less than `least`, so that a steady tone reads 1 and not noise. Where a
    number is at its `floor` or below (it says nothing) its range stands still and it reads 0; so does all in a silent
    hop. Beside each stands the raw number, 0..1 on its fixed scale `low`..`high`. Both rise at once and fall with a
    time constant of `release` seconds, so that a peak between two frames of the show is not missed.

    All arguments are `[N]`, in the units of the numbers.
    """

    MEMORY, SLOTS = 4.0, 32
    HIGH, LOW = 0.85, 0.15
    EVERY = 4  # hops between two steps of the glide

    def __init__(
        self, dt: float, least: Floats, low: Floats, high: Floats, floor: Floats, *, release: float = 0.09
    ) -> None:
        count = len(least)
        self._least, self._low, self._floor = (np.asarray(one, np.float32) for one in (least, low, floor))
        self._slot = max(1, round(self.MEMORY / self.SLOTS / dt))
        self._hops = self._filled = 0
        self._maxima = np.full((self.SLOTS, count), -np.inf, np.float32)
        self._minima = np.full((self.SLOTS, count), np.inf, np.float32)
        self._most, self._least_of = np.full(count, -np.inf, np.float32), np.full(count, np.inf, np.float32)
        self._top, self._bottom = np.zeros(count, np.float32), np.zeros(count, np.float32)
        self._aim = np.zeros((2, count), np.float32)
        self._met = np.zeros(count, np.bool_)
        self._all_met = False
        self._glide = np.float32(_share(0.2, self.EVERY * dt))
        self._fall = np.float32(1.0 - _share(release, dt))
        scale = 1.0 / (np.asarray(high) - self._low)  # levelled and raw are both numbers * gain + shift
        self._gain = np.asarray(np.stack([1.0 / self._least, scale]), np.float32)
        self._shift = np.asarray(np.stack([0.0 * scale, -self._low * scale]), np.float32)
        self._to = np.zeros((2, count), np.float32)
        self._out = np.zeros((2, count), np.float32)

    def step(self, numbers: Floats, *, silent: bool = False) -> Floats:
        """One hop of `[N]` numbers; gives `[2, N]`: levelled and raw, 0..1. Valid until the next call."""
        to, out = self._to, self._out
        if silent:
            to[:] = 0.0
        else:
            speaks = numbers > self._floor
            self._learn(numbers, speaks)
            np.multiply(numbers, self._gain, out=to)
            to += self._shift
            to *= speaks
            np.maximum(to, 0.0, out=to)
            np.minimum(to, 1.0, out=to)
        out -= to
        out *= self._fall
        np.maximum(out, 0.0, out=out)  # up at once
        out += to
        out *= out >= 1e-4
        return out

    def _learn(self, numbers: Floats, speaks: NDArray[np.bool_]) -> None:
        """Take the numbers into the present slot; now and then let the range glide on."""
        if not self._all_met:
            self._meet(numbers, speaks)
        if speaks.all():
            np.maximum(self._most, numbers, out=self._most)
            np.minimum(self._least_of, numbers, out=self._least_of)
        else:
            np.maximum(self._most, numbers, out=self._most, where=speaks)
            np.minimum(self._least_of, numbers, out=self._least_of, where=speaks)
        self._hops += 1
        if self._hops % self._slot == 0:
            self._close_slot()
        if self._hops % self.EVERY == 0:
            self._move()

    def _meet(self, numbers: Floats, speaks: NDArray[np.bool_]) -> None:
        """The first word of a number: its range begins there."""
        new = speaks > self._met
        self._met |= new
        self._all_met = bool(self._met.all())
        for where, value in ((self._top, numbers), (self._bottom, numbers - self._least)):
            where[new] = value[new]
        self._aim[0, new], self._aim[1, new] = self._top[new], self._bottom[new]
        self._move()

    def _move(self) -> None:
        """Let the range glide, and work out what it makes of a number."""
        if self._filled == 0:
            np.maximum(self._aim[0], self._most, out=self._aim[0], where=self._met)
        self._top += (self._aim[0] - self._top) * self._glide
        self._bottom += (np.minimum(self._aim[1], self._top - self._least) - self._bottom) * self._glide
        np.divide(1.0, np.maximum(self._top - self._bottom, self._least), out=self._gain[0])
        np.multiply(self._bottom, self._gain[0], out=self._shift[0])
        np.negative(self._shift[0], out=self._shift[0])

    def _close_slot(self) -> None:
        """A slot is over: keep its extremes and take the percentiles anew. Slots in which a number said nothing do not
        push out what it said before."""
        said = np.isfinite(self._most)
        self._maxima[1:, said] = self._maxima[:-1, said]
        self._minima[1:, said] = self._minima[:-1, said]
        self._maxima[0, said], self._minima[0, said] = self._most[said], self._least_of[said]
        self._most.fill(-np.inf)
        self._least_of.fill(np.inf)
        self._filled += 1
        kept = np.isfinite(self._maxima).sum(axis=0)
        rows, columns = np.maximum(kept, 1), np.arange(len(kept))
        # sorted upwards the empty slots stand first among the maxima and last among the minima
        high = self.SLOTS - 1 - ((1.0 - self.HIGH) * rows).astype(np.intp)
        low = (self.LOW * rows).astype(np.intp)
        some = kept > 0
        self._aim[0] = np.where(some, np.sort(self._maxima, axis=0)[high, columns], self._aim[0])
        self._aim[1] = np.where(some, np.sort(self._minima, axis=0)[low, columns], self._aim[1])


class Striker:
    """Tells the moments at which a strength jumps out of what it has been of late: onsets.

    A strength strikes when it rises above `mean + spread * deviation + least` of the last second or so, and above
    `share` of the strongest of late, which fades over `fall` seconds, if at least `rest` seconds have passed since the
    last strike. It strikes at the crossing, not at the peak: waiting for the peak would cost a hop. `peak` is the
    strength that counts as full (running, in units of the strength).
    """

    def __init__(
        self,
        dt: float,
        *,
        spread: float = 1.5,
        least: float = 0.02,
        rest: float = 0.05,
        memory: float = 0.8,
        share: float = 0.0,
        fall: float = 6.0,
    ) -> None:
        self._of_peak = share
        self._share = _share(memory, dt)
        self._sink = math.exp(-dt / fall)
        self._spread = spread
        self._least = least
        self._rest = max(1, round(rest / dt))
        self._mean = 0.0
        self._deviation = 0.0
        self._wait = 0
        self._armed = True
        self.peak = least

    def step(self, strength: float) -> float:
        """One hop; gives how strong the strike is (0.3..1 of the strongest of late), 0 where there is none."""
        usual = self._mean + self._spread * self._deviation + self._least
        threshold = max(usual, self._of_peak * self.peak)
        self._mean += (strength - self._mean) * self._share
        self._deviation += (abs(strength - self._mean) - self._deviation) * self._share
        self.peak = max(strength, self.peak * self._sink, self._least)
        self._wait -= 1
        if strength <= threshold:
            self._armed = True
            return 0.0
        if self._wait > 0 or not self._armed:
            return 0.0
        self._wait = self._rest
        self._armed = False
        return min(1.0, max(0.3, strength / self.peak))


def _share(seconds: float, dt: float) -> float:
    """Which part of the way to go in one hop for a time constant."""
    return 1.0 - math.exp(-dt / seconds) if seconds > 0 else 1.0
