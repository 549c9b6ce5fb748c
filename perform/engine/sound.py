"""What the sound looks like at a moment, for shaders and the HUD: handed over like a frame, the newest wins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SPECTRUM, WAVE = 64, 512


@dataclass(frozen=True, slots=True, eq=False)
class SoundPicture:
    """`spectrum` [64] float32, 0..1, from the lowest to the highest band on a scale of octaves; `wave` [2, 512]
    float32, left and right, the newest sample last, 0..1 around 0.5. Not changed after it was made."""

    spectrum: NDArray[np.float32]
    wave: NDArray[np.float32]
