"""Numbers drawn by chance, the same on every machine, kept while there is room."""

from __future__ import annotations

import zlib
from collections import OrderedDict

import numpy as np
import torch
from torch import Tensor

STEP = 8  # rows that are drawn at a time
ROOM = 1 << 23  # numbers that are remembered, 32 MB: drawing is what a new glitch costs


def chance(seed: int, name: str) -> np.random.Generator:
    """The stream of one seed for one tensor or layer."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


class Draws:
    """Normal numbers by seed and name. One thread. Forgotten, the oldest first, beyond `ROOM` numbers."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, str], Tensor] = OrderedDict()
        self._count = 0

    def normal(self, seed: int, name: str, rows: int, length: int, device: torch.device) -> Tensor:
        """[rows, length] float32; fewer rows of a seed are the first of more. Not to be written."""
        kept = self._kept.get((seed, name))
        if kept is None or len(kept) < rows:
            if kept is not None:
                self._forget((seed, name))
            count = -(-rows // STEP) * STEP  # a fader passes many
            drawn = chance(seed, name).standard_normal((count, length), dtype=np.float32)
            kept = torch.from_numpy(drawn).to(device)
            self._kept[seed, name] = kept
            self._count += kept.numel()
            while self._count > ROOM and len(self._kept) > 1:
                self._forget(next(iter(self._kept)))
        self._kept.move_to_end((seed, name))
        return kept[:rows]

    def _forget(self, key: tuple[int, str]) -> None:
        self._count -= self._kept.pop(key).numel()
