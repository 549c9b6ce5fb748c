"""Slow oscillators as signals: `lfo.1` .. `lfo.4`, each 0..1, for routes that move with no hand and no sound.

Driven by the tick alone, so two renders are equal. A cycle takes `1 / rate` seconds, or `beats` beats where `sync` is
on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from models.knobs import Knob, choice, toggle
from perform.engine.clock import Tick
from perform.engine.signals import Event

COUNT = 4
SHAPES = ("sine", "triangle", "saw", "square", "random")
_BPM = 120.0


def lfo_knobs() -> tuple[Knob, ...]:
    """The parameters of all oscillators, with full names (`lfo.1.rate`)."""
    return tuple(knob.named(f"lfo.{number}.{knob.name}") for number in range(1, COUNT + 1) for knob in _knobs(number))


def _knobs(number: int) -> tuple[Knob, ...]:
    return (
        choice("shape", SHAPES, "sine", "the curve of one cycle"),
        Knob("rate", (0.05, 0.1, 0.25, 0.5)[number - 1], 0.001, 20.0, "Hz", "cycles a second"),
        toggle("sync", doc="cycles follow the beat instead of the rate"),
        Knob("beats", (16.0, 8.0, 4.0, 1.0)[number - 1], 0.25, 64.0, "beats", "length of a cycle with sync on"),
    )


def wave(shape: str, position: float, seed: int = 0) -> float:
    """The value 0..1 of `shape` at `position` cycles from the start. All but square and saw are continuous.

    "random" goes smoothly (smoothstep) from one random value to the next, a new one each cycle; `seed` tells
    oscillators apart.
    """
    phase = position - math.floor(position)
    if shape == "triangle":
        return 1.0 - abs(2.0 * phase - 1.0)
    if shape == "saw":
        return phase
    if shape == "square":
        return 1.0 if phase < 0.5 else 0.0
    if shape == "random":
        step = math.floor(position)
        here, there = _dice(step, seed), _dice(step + 1, seed)
        return here + (there - here) * phase * phase * (3.0 - 2.0 * phase)
    return 0.5 - 0.5 * math.cos(2.0 * math.pi * phase)


def _dice(step: int, seed: int) -> float:
    """A number 0..1 that depends only on its arguments (the finaliser of SplitMix64; Steele et al. 2014)."""
    mixed = ((step + 1) * 0x9E3779B97F4A7C15 + seed * 0xD1B54A32D192ED03) & (2**64 - 1)
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & (2**64 - 1)
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & (2**64 - 1)
    return (mixed ^ mixed >> 31) / 2**64


class Lfos:
    """The oscillators as a source. Main thread only.

    `read` gives the current number of a name: its own parameters, and `beat.bpm` (120 is taken where it is 0).
    """

    def __init__(self, read: Callable[[str], float]) -> None:
        self._read = read
        self._positions = [0.0] * COUNT
        self._names = [f"lfo.{number}" for number in range(1, COUNT + 1)]

    def poll(self, tick: Tick) -> Sequence[Event]:
        """One value of each for this frame; the first frame is the start of the cycle."""
        read = self._read
        bpm = read("beat.bpm")
        beats = (bpm if bpm > 0 else _BPM) / 60.0
        events = []
        for index, name in enumerate(self._names):
            if tick.index > 0:
                synced = read(f"{name}.sync") >= 0.5
                rate = beats / max(read(f"{name}.beats"), 0.01) if synced else read(f"{name}.rate")
                self._positions[index] += tick.dt * rate
            shape = SHAPES[round(read(f"{name}.shape"))]
            events.append(Event(name, wave(shape, self._positions[index], index), tick.time))
        return events

    def close(self) -> None:
        """Nothing to free."""
