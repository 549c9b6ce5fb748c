"""What a compiled form wants of the weights, as a short programme over them: casts, layouts, sums of squares.

An exported graph is cut in two (`models.forms.graph`): what depends on weights alone is the programme here, what moves
with every frame is compiled. A step is an operator of torch by name with its arguments, so a programme is data (JSON)
and running it can do no more than call the operators of `ALLOWED` libraries. `models.forms.packer` runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

ALLOWED = ("aten", "prims", "mkldnn")  # libraries of operators that a programme may call


@dataclass(frozen=True)
class Step:
    """`name` = `op`(*args, **kwargs); `{"of": name}` in the arguments stands for an earlier step or a weight."""

    name: str
    op: str
    args: list[Any]
    kwargs: dict[str, Any]


@dataclass(frozen=True)
class Packed:
    """One thing that the compiled part is given: the steps that make it, and what it must look like in memory."""

    name: str
    weights: tuple[str, ...]  # what it is made from
    steps: tuple[str, ...]  # the steps that make it, in order
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: str


def written(value: Any) -> Any:
    """A graph's argument as JSON; TypeError for a kind that is not known."""
    match value:
        case torch.fx.Node():
            return {"of": value.name}
        case torch.dtype():
            return {"dtype": str(value).removeprefix("torch.")}
        case torch.memory_format():
            return {"memory_format": str(value).removeprefix("torch.")}
        case torch.layout() | torch.device():
            return None  # all is strided and on the processor
        case list() | tuple():
            return [written(one) for one in value]
        case None | bool() | int() | float() | str():
            return value
    raise TypeError(f"{type(value).__name__} cannot be written down")


def read(value: Any, known: Mapping[str, Tensor]) -> Any:
    """An argument that `written` wrote, with the steps and weights of `known` in it."""
    match value:
        case {"of": name}:
            return known[name]
        case {"dtype": name} | {"memory_format": name}:
            return getattr(torch, name)
        case list():
            return [read(one, known) for one in value]
    return value


def operator(name: str) -> Callable[..., Tensor]:
    """torch's operator by its name, "aten.mul.Tensor"; ValueError for one of another library."""
    library, *path = name.split(".")
    if library not in ALLOWED or len(path) != 2:
        raise ValueError(f"{name} is no operator for packing weights")
    found: Callable[..., Tensor] = getattr(getattr(getattr(torch.ops, library), path[0]), path[1])
    return found
