"""Which of the twelve notes sound, whatever the octave."""

from __future__ import annotations

import numpy as np

from perform.audio.features import Signal
from perform.audio.spectrum import Hop
from perform.audio.tones import EVERY_CHORD

NOTES = ("c", "cs", "d", "ds", "e", "f", "fs", "g", "gs", "a", "as", "b")
SIGNALS = tuple(
    Signal(
        f"audio.chroma.{note}",
        f"How much {note.upper().replace('S', ' sharp')} sounds, in any octave: 1 for the strongest note now.",
    )
    for note in NOTES
)


class Feature:
    """Chroma of the last third of a second (`Tones.chroma`), the strongest class at 1, sharpened; follows in 0.06 s."""

    def __init__(self, hop: Hop) -> None:
        self._value = np.zeros(12, np.float32)
        self._keep = np.float32(np.exp(-EVERY_CHORD * hop.dt / 0.06))
        self._said: tuple[float, ...] = (0.0,) * 12

    def hear(self, hop: Hop) -> tuple[float, ...]:
        if hop.tones.fresh_chord:
            self._value *= self._keep
            if not hop.silent:
                chroma = hop.tones.chroma
                sharp = (chroma / max(float(chroma.max()), 1e-12)) ** 2
                self._value += sharp * (1.0 - self._keep)
            self._value[self._value < 1e-4] = 0.0
            self._said = tuple(self._value.tolist())
        return self._said
