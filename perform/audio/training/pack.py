"""The weights of the perceptrons as one small file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


def pack(files: Sequence[Path], target: Path) -> None:
    """Put the weights of several files into one, each under the name of its file, at half precision."""
    together: dict[str, Any] = {}
    for file in files:
        with np.load(file) as weights:
            together |= {f"{file.stem}.{key}": weights[key].astype(np.float16) for key in weights.files}
    np.savez_compressed(target, **together)
