"""The key of the piece: which note is home, and whether it is major or minor."""

from __future__ import annotations

import numpy as np

from perform.audio.features import Signal
from perform.audio.features.chroma import NOTES
from perform.audio.spectrum import Hop
from perform.audio.tones import EVERY_CHORD

SIGNALS = (
    Signal(
        "audio.key", "The home note in steps of a twelfth: C 0, C sharp 1/12 .. B 11/12. 0 while unknown.", slow=4.0
    ),
    Signal("audio.key.major", "1 in a major key, 0 in a minor one. Look at audio.key.confidence too.", slow=4.0),
    Signal("audio.key.confidence", "How far the key leads over the next one: above 0.3 it is rather sure.", slow=4.0),
)

MEMORY, FORGET, PATIENCE = 20.0, 3.0, 0.8  # seconds

# Krumhansl and Kessler (1982): how well each note fits into a key, from its home note upwards
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


def profiles() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """The 24 keys as rows [24, 12] of mean 0 and norm 1: C major .. B major, C minor .. B minor."""
    rows = np.array([np.roll(profile, shift) for profile in (_MAJOR, _MINOR) for shift in range(12)])
    rows -= rows.mean(axis=1, keepdims=True)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def key_name(key: float, major: float) -> str:
    """What a musician calls it, from the numbers of the signals: "A minor"."""
    note = NOTES[round(key * 12) % 12].upper().replace("S", "#")
    return f"{note} {'major' if major >= 0.5 else 'minor'}"


class Feature:
    """The chroma of the last `MEMORY` seconds against the profiles of all keys, by correlation; a new key must lead for
    `PATIENCE` seconds before it is said."""

    def __init__(self, hop: Hop) -> None:
        self._dt = EVERY_CHORD * hop.dt
        self._profiles = profiles()
        self._chroma = np.zeros(12, np.float32)
        self._heard = self._quiet = self._led = 0.0
        self._key = -1
        self._said = (0.0, 0.0, 0.0)

    def hear(self, hop: Hop) -> tuple[float, ...]:
        if hop.tones.fresh_chord:
            self._said = self._listen(hop)
        return self._said

    def _listen(self, hop: Hop) -> tuple[float, float, float]:
        if hop.silent:
            self._quiet += self._dt
            if self._quiet > FORGET:
                self._chroma[:] = 0.0
                self._heard, self._key = 0.0, -1
                return (0.0, 0.0, 0.0)
            return self._said
        self._quiet = 0.0
        self._heard += self._dt
        now = hop.tones.chroma
        share = np.float32(self._dt / min(self._heard, MEMORY))
        self._chroma += (now / max(float(now.sum()), 1e-12) - self._chroma) * share
        fit = self._profiles @ self._chroma
        best = int(fit.argmax())
        if best == self._key or self._key < 0:
            self._led = 0.0
        else:
            self._led += self._dt
        if self._key < 0 or self._led > PATIENCE:
            self._key, self._led = best, 0.0
        return self._say(fit)

    def _say(self, fit: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> tuple[float, float, float]:
        """The numbers of the key that stands; sure if it fits better than any other that is not its relative."""
        deviation = self._chroma - self._chroma.mean()
        others = np.delete(fit, self._key)
        lead = (float(fit[self._key]) - float(others.max())) / max(float(np.linalg.norm(deviation)), 1e-12)
        sure = min(max(5.0 * lead, 0.0), 1.0) * min(self._heard / 2.0, 1.0)
        return (self._key % 12 / 12.0, 1.0 if self._key < 12 else 0.0, sure)
