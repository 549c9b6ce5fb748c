"""Levels that find their own range: what makes a quiet and a loud room play alike.

All of them integrate seconds (`dt`), never hops, and none of them sees the future. Plain Python numbers, because a
numpy scalar costs more than the arithmetic here.
"""

from __future__ import annotations

import math

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


class Leveller:
    """A level in dB to 0..1 by the range it has had of late: 1 is as loud as this music gets, 0 as quiet.

    The top follows within 0.2 s and sinks over `memory` seconds (a drop of 40 dB is made up for in about twice that);
    the bottom likewise the other way. The range is never taken as less than `least` dB, so a steady tone reads 1 and
    not noise. Below `gate` dB the range stands still and the value is 0. The value rises at once and falls with a
    time constant of `release` seconds, so that a peak between two frames of the show is not missed.
    """

    def __init__(
        self, dt: float, *, least: float = 18.0, memory: float = 4.0, release: float = 0.09, gate: float = SILENCE_DB
    ):
        self._dt = dt
        self._gate = gate
        self._least = least
        self._memory = memory
        self._top: Follower | None = None
        self._bottom = Follower(memory * 1.5, 0.4, dt)
        self._out = Follower(0.0, release, dt)

    def step(self, level: float) -> float:
        """One hop of `level` dB; gives 0..1."""
        if level <= self._gate:
            value = self._out.step(0.0)
            return value if value > 1e-4 else 0.0
        if self._top is None:
            self._top = Follower(0.2, self._memory, self._dt, level)
            self._bottom.value = level - self._least
        top = self._top.step(level)
        bottom = min(self._bottom.step(level), top - self._least)
        return self._out.step(min(max((level - bottom) / (top - bottom), 0.0), 1.0))


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
