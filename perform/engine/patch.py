"""Routes: what drives what. A route takes a signal to a parameter with a depth, a curve, an attack and a release.

    value(parameter) = base + sum over its routes of depth * curve(follow(hold(quantise(threshold(signal)))))

`depth` is in the parameter's own unit: how far a signal of 1 moves it. Several routes on one parameter add up, and
the sum is clamped to the parameter's span. In the order in which they work:

- `threshold` is a gate: what stays below counts as 0, what is above is stretched so that 1 stays 1.
- `quantise` lets a change through only on the next quarter, half or whole beat or bar: then comes the strongest rise
  since the last one (so a short hit is not lost), or where nothing rose what the signal is now. Without a beat it lets
  all through.
- `hold` keeps a rise at its height for so many seconds before it may fall.
- `attack` and `release` are the seconds to come within 37 % of a step up or down; 0 follows at once.

All of it counts seconds (`dt`) or beats, never frames, so it is the same at any frame rate. All routes of a preset are
worked as a few vectors, so 20 or 200 cost about the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from perform.engine.parameters import Floats, Parameters, Values
from perform.engine.signals import Signals

Curve = Literal["linear", "square", "root", "smooth", "step", "inverse"]
CURVES: tuple[str, ...] = get_args(Curve)
Quantise = Literal["", "quarter", "half", "beat", "bar"]
_STEPS = {
    "quarter": ("beat.phase", 4.0),
    "half": ("beat.phase", 2.0),
    "beat": ("beat.phase", 1.0),
    "bar": ("bar.phase", 1.0),
}


@dataclass(frozen=True, slots=True)
class Route:
    """One connection: `signal` drives parameter `to` by `depth` (its own unit); `attack`, `release`, `hold` in seconds,
    `threshold` 0..1 of the signal, `quantise` to which part of the beat."""

    signal: str
    to: str
    depth: float
    curve: str = "linear"
    attack: float = 0.0
    release: float = 0.0
    threshold: float = 0.0
    hold: float = 0.0
    quantise: str = ""


def bend(curve: str, x: Floats) -> Floats:
    """Shape signals `[R]` (0..1, sign kept where that makes sense). Raises ValueError for an unknown curve."""
    match curve:
        case "linear":
            return x
        case "square":
            return x * np.abs(x)
        case "root":
            return np.asarray(np.sign(x) * np.sqrt(np.abs(x)))
        case "smooth":
            t = np.clip(x, 0.0, 1.0)
            return np.asarray(t * t * (3.0 - 2.0 * t))
        case "step":
            return np.asarray(x >= 0.5, dtype=float)
        case "inverse":
            return 1.0 - x
    raise ValueError(f"unknown curve {curve!r}")


class Patch:
    """The routes of a preset, playing. Main thread; `play` is called once a frame."""

    def __init__(self, routes: Sequence[Route], parameters: Parameters) -> None:
        """Raises UserError where a route leads to a parameter that does not exist."""
        self.routes = tuple(routes)
        self._places = np.array([parameters.place(route.to) for route in routes], dtype=np.intp)
        self._depth = np.array([route.depth for route in routes])
        self._attack = np.array([route.attack for route in routes])
        self._release = np.array([route.release for route in routes])
        threshold = np.array([route.threshold for route in routes])
        self._threshold = threshold if threshold.any() else None
        self._rest_of = np.maximum(1.0 - threshold, 1e-9)
        hold = np.array([route.hold for route in routes])
        self._hold = Hold(hold) if hold.any() else None
        steps = [route.quantise for route in routes]
        self._grid = Grid(steps) if any(steps) else None
        curves = np.array([route.curve for route in routes])
        self._curves = [(name, np.flatnonzero(curves == name)) for name in CURVES if name in curves]
        self._state = np.zeros(len(routes))
        self.moved = np.zeros(len(routes))
        self._offsets = np.zeros(len(parameters))

    def play(self, signals: Signals, parameters: Parameters, dt: float) -> Values:
        """The values of this frame: every parameter's base plus its routes.

        `moved` [R] is how far each route moves its parameter now, -1..1 of its depth, for who shows it.
        """
        self._offsets[:] = 0.0
        if self.routes:
            heard = np.array([signals.get(route.signal) for route in self.routes])
            if self._threshold is not None:
                heard = np.sign(heard) * np.maximum(np.abs(heard) - self._threshold, 0.0) / self._rest_of
            if self._grid is not None:
                heard = self._grid.let_through(heard, signals)
            if self._hold is not None:
                heard = self._hold.keep(heard, dt)
            time = np.where(heard > self._state, self._attack, self._release)
            # 0 seconds follow at once, also between two frames, where a hand is let in with dt = 0
            step = np.where(time > 0.0, 1.0 - np.exp(-dt / np.maximum(time, 1e-9)), 1.0)
            self._state += step * (heard - self._state)
            for curve, which in self._curves:
                self.moved[which] = bend(curve, self._state[which])
            np.add.at(self._offsets, self._places, self._depth * self.moved)
        return parameters.play(self._offsets)


class Hold:
    """Keeps what rose at its height for a time, route by route; `seconds` [R], 0 passes through."""

    def __init__(self, seconds: Floats) -> None:
        self._seconds = seconds
        self._left = np.zeros(len(seconds))
        self._kept = np.zeros(len(seconds))

    def keep(self, heard: Floats, dt: float) -> Floats:
        """What to follow now, [R]."""
        rises = heard >= self._kept
        self._left = np.where(rises, self._seconds, self._left - dt)
        self._kept = np.where(rises | (self._left <= 0.0), heard, self._kept)
        return self._kept


class Grid:
    """Lets changes through on the steps of the beat, route by route; `steps` are the words of `Quantise`."""

    def __init__(self, steps: Sequence[str]) -> None:
        self._words = [word for word in _STEPS if word in steps]
        self._which = [np.array([step == word for step in steps]) for word in self._words]
        self._phases = [0.0] * len(self._words)
        self._free = np.array([not step for step in steps])
        self._last = np.zeros(len(steps))
        self._rise = np.full(len(steps), -np.inf)
        self._through = np.zeros(len(steps))

    def let_through(self, heard: Floats, signals: Signals) -> Floats:
        """What counts now, [R]."""
        opened = self._free | self._opened(signals)
        rises = heard > self._last
        self._rise = np.where(rises, np.maximum(self._rise, heard), self._rise)
        self._last = heard
        new = np.where(self._free | ~np.isfinite(self._rise), heard, self._rise)
        self._through = np.where(opened, new, self._through)
        self._rise[opened] = -np.inf
        return self._through

    def _opened(self, signals: Signals) -> NDArray[np.bool_]:
        """The routes for which a step of the grid has begun since the last frame, or that have no beat to wait for."""
        opened = np.zeros(len(self._free), dtype=np.bool_)
        nobody = signals.get("beat.bpm") <= 0.0
        for place, word in enumerate(self._words):
            name, parts = _STEPS[word]
            phase = signals.get(name) * parts % 1.0
            # a phase that is drawn back a little by its clock is no new beat
            if nobody or self._phases[place] - phase > 0.5:
                opened |= self._which[place]
            self._phases[place] = phase
        return opened
