"""Clicks at an exact tempo, for setting the offset of the beat and for measuring the way of the sound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perform.audio.track import RATE

Floats = NDArray[np.float32]


def click(rate: int = RATE, *, accent: bool = False) -> Floats:
    """One click of 12 ms [n]: sharp at its very first sample, with enough below 4 kHz for a small loudspeaker."""
    t = np.arange(round(0.012 * rate)) / rate
    hertz = 2600.0 if accent else 1700.0
    body = np.sin(2 * np.pi * hertz * t) + 0.5 * np.sin(2 * np.pi * 2.7 * hertz * t)
    return np.asarray(0.6 * body * np.exp(-t / 0.0025), np.float32)


def click_track(bpm: float, bars: int = 16, rate: int = RATE) -> tuple[Floats, Floats]:
    """Clicks on each beat of `bars` bars of four, the first of each bar higher: (sound [N, 2], beats in seconds).

    It can be looped: its length is a whole number of bars. The first beat is at 0.
    """
    beats = np.arange(4 * bars) * 60.0 / bpm
    sound = np.zeros(round(4 * bars * 60.0 / bpm * rate), np.float32)
    for number, beat in enumerate(beats):
        shape = click(rate, accent=number % 4 == 0)
        at = round(beat * rate)
        part = sound[at : at + len(shape)]
        part += shape[: len(part)]
    return np.repeat(sound[:, None], 2, axis=1), np.asarray(beats, np.float32)
