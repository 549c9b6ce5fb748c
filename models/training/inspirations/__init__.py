"""Inspirations: pictures that a program draws, one family a file; the folder is the registry.

A family has `ABOUT` (one line), `DIMENSIONS` and `draw(p, size) -> [3, size, size]` in 0..1, where p is [DIMENSIONS],
standard normal. `draw` knows no other chance than p and is smooth in it: a small step in p is a small step in the
picture, so a network that has learned p -> picture has good pictures *between* those it was shown, too. It draws the
same picture at every size. To add a family is to add its file.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from models.training.data import Scene


class Family(Protocol):
    """What a file of this folder holds."""

    ABOUT: str
    DIMENSIONS: int

    def draw(self, p: Tensor, size: int) -> Tensor:
        """p [DIMENSIONS], standard normal -> [3, size, size] in 0..1."""


def families() -> tuple[str, ...]:
    """The names of the families here. Imports nothing."""
    files = Path(__file__).parent.glob("*.py")
    return tuple(sorted(f.stem for f in files if "\ndef draw(" in f.read_text(encoding="utf-8")))


def family(name: str) -> Family:
    """The family of that name; KeyError names those there are."""
    if name not in families():
        raise KeyError(f"no inspiration {name!r}; there are {', '.join(families())}")
    return cast("Family", import_module(f"{__name__}.{name}"))


def scene(name: str) -> Scene:
    """A family as a function of chance, as `models.training.data.bank` takes it."""
    import torch

    drawn = family(name)

    def picture(rng: np.random.Generator, size: int) -> Tensor:
        return drawn.draw(torch.from_numpy(rng.standard_normal(drawn.DIMENSIONS)).float(), size)

    return picture
