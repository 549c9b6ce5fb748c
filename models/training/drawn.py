"""Pictures that this program draws, as a folder of files: what `--data bloom` or `--data styles` means.

For somebody who has no pictures yet. Drawn once, at the size of the run, kept beside it; the same on every machine.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from models.training import data, inspirations
from models.training.inspirations import styles

COUNT = 1000  # of a family
EACH = 150  # of a style
STYLES = "styles"


def names() -> tuple[str, ...]:
    """What can be drawn: the families, and a collection of labelled styles."""
    return (*inspirations.families(), STYLES)


def folder(name: str, size: int, keep: Path, progress: bool = True, count: int = COUNT) -> Path:
    """The folder `keep`/drawn-NAME-SIZE with its pictures, drawn if they are not there. KeyError for an unknown name;
    OSError. Half a minute for a thousand pictures of 64x64.
    """
    out = keep / f"drawn-{name}-{size}"
    if name == STYLES:
        return styles.folder(EACH, size, 0, out)
    scene = inspirations.scene(name)
    out.mkdir(parents=True, exist_ok=True)
    for k in tqdm(range(count), desc=f"drawing {name} {size}", disable=not progress, leave=False):
        path = out / f"{k:05}.png"
        if not path.exists():
            picture = data.to_uint8(scene(np.random.default_rng([0, k]), size)).permute(1, 2, 0)
            beside = path.with_suffix(".part")
            Image.fromarray(picture.contiguous().numpy()).save(beside, "PNG")
            beside.replace(path)
    return out
