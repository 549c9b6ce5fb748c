"""All features at once: one hop in, one list of numbers out, in the order of `signals`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from perform.audio import features
from perform.audio.levels import Levels
from perform.audio.spectrum import Hop

Floats = NDArray[np.float32]


class Bank:
    """The features of the folder (or only `names`) with what levels them. One thread at a time.

    `signals` are those of the features, then the raw numbers beside those that are levelled; `pulses` says which of
    them are pulses, by their places.
    """

    def __init__(self, hop: Hop, names: Sequence[str] | None = None) -> None:
        loaded = [features.load(name) for name in (features.names() if names is None else names)]
        self._hear = [make(hop).hear for _, make in loaded]
        own = [signal for signals, _ in loaded for signal in signals]
        self._places = [place for place, signal in enumerate(own) if signal.least > 0.0]
        levelled = [own[place] for place in self._places]
        self.signals = (*own, *(signal.raw for signal in levelled))
        self.pulses = tuple(place for place, signal in enumerate(self.signals) if signal.decay > 0.0)
        ranges = np.array([(one.least, one.low, one.high, one.floor) for one in levelled], np.float32).reshape(-1, 4)
        self._levels = Levels(hop.dt, *ranges.T)

    def hear(self, hop: Hop) -> list[float]:
        """The numbers of this hop: 0..1 each, for a pulse how hard it struck or 0."""
        numbers: list[float] = []
        for hear in self._hear:
            numbers += hear(hop)
        if self._places:
            own = np.array([numbers[place] for place in self._places], np.float32)
            levelled, raw = self._levels.step(own, silent=hop.silent).tolist()
            for place, value in zip(self._places, levelled, strict=True):
                numbers[place] = value
            numbers += raw
        return numbers
