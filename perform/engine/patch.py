"""Routes: what drives what. A route takes a signal to a parameter with a depth, a curve, an attack and a release.

    value(parameter) = base + sum over its routes of depth * curve(follow(signal))

`depth` is in the parameter's own unit: how far a signal of 1 moves it. Several routes on one parameter add up, and
the sum is clamped to the parameter's span. `follow` is a one-pole envelope per second (`dt`), so it is the same at
any frame rate: `attack` and `release` are the seconds to come within 37 % of a step up or down; 0 follows at once.

All routes of a preset are worked as a few vectors, so 20 or 200 cost about the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from perform.engine.parameters import Floats, Parameters, Values
from perform.engine.signals import Signals

Curve = Literal["linear", "square", "root", "smooth", "step", "inverse"]
CURVES: tuple[str, ...] = get_args(Curve)


@dataclass(frozen=True, slots=True)
class Route:
    """One connection: `signal` drives parameter `to` by `depth` (its own unit); `attack`, `release` in seconds."""

    signal: str
    to: str
    depth: float
    curve: str = "linear"
    attack: float = 0.0
    release: float = 0.0


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
        curves = np.array([route.curve for route in routes])
        self._curves = [(name, np.flatnonzero(curves == name)) for name in CURVES if name in curves]
        self._state = np.zeros(len(routes))
        self._shaped = np.zeros(len(routes))
        self._offsets = np.zeros(len(parameters))

    def play(self, signals: Signals, parameters: Parameters, dt: float) -> Values:
        """The values of this frame: every parameter's base plus its routes."""
        self._offsets[:] = 0.0
        if self.routes:
            heard = np.array([signals.get(route.signal) for route in self.routes])
            time = np.where(heard > self._state, self._attack, self._release)
            # 0 seconds follow at once, also between two frames, where a hand is let in with dt = 0
            step = np.where(time > 0.0, 1.0 - np.exp(-dt / np.maximum(time, 1e-9)), 1.0)
            self._state += step * (heard - self._state)
            for curve, which in self._curves:
                self._shaped[which] = bend(curve, self._state[which])
            np.add.at(self._offsets, self._places, self._depth * self._shaped)
        return parameters.play(self._offsets)
