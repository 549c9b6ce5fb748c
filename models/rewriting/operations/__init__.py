"""What can be done to the weights of a layer, one file each; the folder is the registry.

A file `melt.py` holds one function `melt(job: Job) -> list[Change]` whose docstring begins with one line that says what
it does. It draws by `job.chance()` and nothing else, chooses no more filters than `job.chosen` says, and a smaller
share chooses some of the same: so `percent_change` is a fader too. Nothing is written here: a `Change` says which part
of a tensor becomes what at strength 1, and `models.rewriting.rewriter` goes there and back. Impossible is raised, with
words, where a network has not what it takes. `tests/models/rewriting/test_rewriting_operations.py` walks the folder.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.rewriting.draws import Draws, chance


class Impossible(ValueError):
    """A network has not what an operation takes; the words say what."""


@dataclass(frozen=True)
class Site:
    """A layer whose weights can be changed."""

    layer: str
    weight: str  # [O, I, ...], the name of its filters
    readers: tuple[str, ...]  # the weights that read its output
    tensors: tuple[str, ...]  # all that belongs to it; the way to RGB with the layer it reads


@dataclass(frozen=True)
class Job:
    """A layer, and how much of it is meant. `share` 0..1 of the filters; `seed` decides which.

    `home(name)` is a tensor as the network came, and `spread` the standard deviation of each site's weight; `donor` are
    another network's tensors of the same names and shapes. `around` is what belongs to no layer, where all layers are
    meant, and empty else.
    """

    site: Site
    sites: tuple[Site, ...]
    share: float
    seed: int
    home: Callable[[str], Tensor]
    draws: Draws
    spread: Mapping[str, Tensor]
    donor: Mapping[str, Tensor] | None = None
    around: tuple[str, ...] = ()

    def chance(self) -> np.random.Generator:
        """This seed's stream for this layer."""
        return chance(self.seed, self.site.layer)

    def count(self, of: int) -> int:
        """How many of `of` are meant."""
        return round(self.share * of)

    def chosen(self, of: int, rng: np.random.Generator | None = None) -> NDArray[np.int64]:
        """That many different places among `of`, in the order they were drawn."""
        return (rng or self.chance()).permutation(of)[: self.count(of)]

    def places(self, of: NDArray[np.int64]) -> Tensor:
        """The same on the weights' device."""
        return torch.from_numpy(np.ascontiguousarray(of)).to(self.home(self.site.weight).device, non_blocking=True)


@dataclass(frozen=True)
class Change:
    """The slices `index` along `dim` of one tensor become `over` of the tensor; `index` None: the whole tensor.

    `over` is given the tensor as it is without this change and returns new memory, [n, ...] along `dim` (or the whole);
    it is called whenever the tensor beneath has changed, on the generator's thread.
    """

    name: str
    dim: int
    index: Tensor | None
    over: Callable[[Tensor], Tensor]


Operation = Callable[[Job], list[Change]]


@cache
def operations() -> Mapping[str, Operation]:
    """All operations by name."""
    found = [one.name for one in iter_modules(__path__)]
    return {name: getattr(import_module(f"{__name__}.{name}"), name) for name in found}


def about(name: str) -> str:
    """One line on an operation."""
    return (inspect.getdoc(operations()[name]) or "").split("\n")[0]
