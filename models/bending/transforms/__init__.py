"""Transforms of activation maps, one file each; the folder is the registry.

A file `melt.py` holds one function `melt(x, *, knob: Annotated[Scalar, Span(...)] = default) -> Tensor`: x [N, C, H, W]
of any float type and memory layout; a new tensor of the same shape and type comes back, x is untouched. Knobs arrive
as 0-d tensors on x's device (or as Python floats): no branch on their values, no `.item()`. Finite maps and knobs
inside their spans give finite maps. Nothing depends on anything but the arguments.

`NEUTRAL` names the knobs that, all at their defaults, make the function the identity, whatever the others say; it is
empty where only a slot's amount of 0 does. `TOGETHER = True` says that a channel's result depends on other channels,
too. A function may ask for more than knobs, by the names of these arguments:

- `margin: float`: pixels on each side of the map that lie outside the picture (StyleGAN3).
- `members: Members | None`: where a slot on some channels gives it all of them (`models.bending.layout.Members`).
- `memory: Tensor`: what this function gave last time, x itself at first, to be read only; `dt: Scalar`: the seconds
  since then. What such a function gives is `warp.bounded`, that nothing lasts that is no number.

`STEADY`, where there is one, are arguments that are as good wherever the knobs are not neutral: for a network that is
captured once. `choose(knob, ...) -> dict`, where there is one, makes cheaper arguments out of the values, as the host
knows them, of the knobs that it names: few different ones, whose result equals that without them.
`tests/models/bending/test_bending_transforms.py` walks the folder and holds all of this.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from models.knobs import Knob, declared, knobs_of

if TYPE_CHECKING:
    from torch import Tensor

EXTRAS = frozenset({"margin", "members", "memory", "dt"})


@dataclass(frozen=True, slots=True)
class Transform:
    """One file of the folder."""

    name: str
    doc: str
    apply: Callable[..., Tensor]
    knobs: tuple[Knob, ...]
    neutral: tuple[str, ...]
    extras: frozenset[str]
    choose: Callable[..., Mapping[str, Any]] | None
    choose_from: tuple[str, ...]
    steady: Mapping[str, Any]
    together: bool

    def is_home(self, values: Mapping[str, float]) -> bool:
        """Whether these numbers make it the identity."""
        return bool(self.neutral) and all(
            values[knob.name] == knob.default for knob in self.knobs if knob.name in self.neutral
        )

    def hints(self, values: Mapping[str, float]) -> Mapping[str, Any]:
        """The cheaper arguments for these numbers, if there are any."""
        if self.choose is None:
            return {}
        return self.choose(**{name: values[name] for name in self.choose_from})


@cache
def knobs_by_transform() -> Mapping[str, tuple[Knob, ...]]:
    """The knobs of all transforms by name, read from the files: needs no torch, a few hundredths of a second."""
    return {file.stem: declared(file, file.stem) for file in sorted(Path(__path__[0]).glob("[a-z]*.py"))}


@cache
def transforms() -> Mapping[str, Transform]:
    """All transforms by name. Imports torch."""
    return {found.name: _read(found.name) for found in iter_modules(__path__)}


def _read(name: str) -> Transform:
    module = import_module(f"{__name__}.{name}")
    function: Callable[..., Tensor] = getattr(module, name)
    doc = (inspect.getdoc(function) or "").split("\n\n")[0].replace("\n", " ")
    extras = EXTRAS & set(inspect.signature(function).parameters)
    choose = getattr(module, "choose", None)
    return Transform(
        name=name,
        doc=doc,
        apply=function,
        knobs=knobs_of(function),
        neutral=tuple(module.NEUTRAL),
        extras=extras,
        choose=choose,
        choose_from=() if choose is None else tuple(inspect.signature(choose).parameters),
        steady=getattr(module, "STEADY", {}),
        together=getattr(module, "TOGETHER", False),
    )
