"""The weights of the ear's perceptrons, from one small file. `ear.md` is their card."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

WEIGHTS = Path(__file__).parent / "ear.npz"


@cache
def weights() -> dict[str, Floats]:
    """All of them, as "network.layer.weight" and "network.layer.bias". Raises OSError where the file is missing."""
    with np.load(WEIGHTS) as file:
        return {key: np.asarray(file[key], np.float32) for key in file.files}


def under(prefix: str, those: Mapping[str, Any]) -> dict[str, Floats]:
    """The weights of one network, by the names of its layers."""
    return {key.removeprefix(prefix): np.asarray(those[key], np.float32) for key in those if key.startswith(prefix)}
