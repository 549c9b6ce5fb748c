"""How much a moment is a beat, and how fast it goes: a causal temporal convolutional network, learned from many styles.

What is new in a sound says where something begins, not whether it is a beat. This network sees the last 22 s of the mel
bands and says for each step of 21 ms how likely it was a beat and the one of a bar, and which tempo would be counted
(Davies and Boeck 2019, Boeck and Davies 2020; made causal, and small enough to run on a processor beside the rest). It
answers `DELAY` steps late, when it has seen what the attack led to; who asks knows and reckons back.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from perform.audio.beat.front import BANDS

Floats = NDArray[np.float32]

FRAMES = 2  # frames of the tracker a step: 21.3 ms at 48 kHz
SIZE = 2 * FRAMES * BANDS
DELAY = 2  # steps between a beat and the answer about it
AGE = DELAY + 0.5  # steps between the middle of what an answer is about and its end
BEAT, ONE = 0, 1  # places in `seen`
TAPS = 3


class _Block:
    """A residual layer [width] to [width] that sees its input now, `dilation` and twice `dilation` steps ago."""

    def __init__(self, weights: Mapping[str, Floats], name: str, dilation: int) -> None:
        self._wide, self._wide_bias = weights[f"{name}.a.weight"], weights[f"{name}.a.bias"]
        self._back, self._back_bias = weights[f"{name}.b.weight"], weights[f"{name}.b.bias"]
        hidden, taps = self._wide.shape
        self._width = taps // TAPS
        self._dilation = dilation
        self._past = np.zeros((2 * dilation + 1, self._width), np.float32)
        self._taps = np.zeros(taps, np.float32)
        self._hidden = np.zeros(hidden, np.float32)
        self._more = np.zeros(self._width, np.float32)

    def step(self, x: Floats, count: int) -> None:
        """Step number `count`: add what the layer says to `x`, in place."""
        past, taps, hidden, more, width = self._past, self._taps, self._hidden, self._more, self._width
        size = len(past)
        taps[:width] = x
        taps[width : 2 * width] = past[(count - self._dilation) % size]
        taps[2 * width :] = past[(count + 1) % size]  # the oldest: 2 * dilation ago
        past[count % size] = x
        np.dot(self._wide, taps, out=hidden)
        hidden += self._wide_bias
        np.maximum(hidden, 0.0, out=hidden)
        np.dot(self._back, hidden, out=more)
        more += self._back_bias
        x += more


class Activation:
    """The network, step by step. One thread.

    `seen` [2] are the chances that the moment `AGE` steps ago was a beat and the first of a bar; `tempo` [classes] the
    chances of each class of tempo (`periods.TEMPI`, at 48 kHz) as logarithms, up to a constant. Both are written anew.
    """

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        self._in, self._in_bias = weights["inp.weight"], weights["inp.bias"]
        blocks = sorted({int(key.split(".")[1]) for key in weights if key.startswith("blocks.")})
        self._blocks = [_Block(weights, f"blocks.{at}", 1 << at) for at in blocks]
        self._mid, self._mid_bias = weights["mid.weight"], weights["mid.bias"]
        self._out, self._out_bias = weights["out.weight"], weights["out.bias"]
        self._tempo, self._tempo_bias = weights["tempo.weight"], weights["tempo.bias"]
        self._x = np.zeros(SIZE, np.float32)
        self._count = -1
        self._frame = 0
        self.seen = np.zeros(len(self._out_bias), np.float32)
        self.tempo = np.zeros(len(self._tempo_bias), np.float32)

    def add(self, now: Floats, rise: Floats) -> bool:
        """One frame of two hops [BANDS]: mean level, greatest rise. Whether there is an answer (every other time)."""
        at = self._frame * BANDS
        self._x[at : at + BANDS] = now
        self._x[at + FRAMES * BANDS : at + (FRAMES + 1) * BANDS] = rise
        self._frame = (self._frame + 1) % FRAMES
        if self._frame:
            return False
        self._count += 1
        x = self._in @ self._x
        x += self._in_bias
        for block in self._blocks:
            block.step(x, self._count)
        middle = self._mid @ x
        middle += self._mid_bias
        np.maximum(middle, 0.0, out=middle)
        logits = self._out @ middle + self._out_bias
        np.divide(1.0, 1.0 + np.exp(-logits), out=self.seen)
        np.add(self._tempo @ middle, self._tempo_bias, out=self.tempo)
        return True
