"""What a compiled form wants of the weights, as a short programme over them: casts, layouts, sums of squares.

An exported graph is cut in two (`models.forms.graph`): what depends on weights alone is the programme here, what moves
with every frame is compiled. A step is an operator of torch by name with its arguments, so a programme is data (JSON)
and running it can do no more than call the operators of `ALLOWED` libraries. `Packer` runs the steps of those weights
that changed since the last frame and leaves the rest alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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


def _read(value: Any, known: Mapping[str, Tensor]) -> Any:
    match value:
        case {"of": name}:
            return known[name]
        case {"dtype": name} | {"memory_format": name}:
            return getattr(torch, name)
        case list():
            return [_read(one, known) for one in value]
    return value


def operator(name: str) -> Callable[..., Tensor]:
    """torch's operator by its name, "aten.mul.Tensor"; ValueError for one of another library."""
    library, *path = name.split(".")
    if library not in ALLOWED or len(path) != 2:
        raise ValueError(f"{name} is no operator for packing weights")
    found: Callable[..., Tensor] = getattr(getattr(getattr(torch.ops, library), path[0]), path[1])
    return found


class Packer:
    """Keeps what the compiled part is given up to date with the weights. One thread.

    `weights` are the generator's own tensors, looked at and never written. A change is seen by a tensor's address and
    by torch's count of its in-place writes. ValueError if a weight cannot be watched or the programme is foreign.
    """

    def __init__(self, weights: Mapping[str, Tensor], steps: Sequence[Step], packed: Sequence[Packed]) -> None:
        self._weights = weights
        self._packed = packed
        self._steps = {step.name: (operator(step.op), step.args, step.kwargs) for step in steps}
        used = {name for one in packed for name in one.weights}
        if absent := sorted(used - set(weights)):
            raise ValueError(f"the network has no {absent[0]}")
        if unseen := [name for name in sorted(used) if weights[name].is_inference()]:
            raise ValueError(f"{unseen[0]} was made in inference mode, so its changes cannot be seen")
        self._watched = {name: weights[name] for name in sorted(used)}
        self._seen: dict[str, tuple[int, int]] = {}
        self.made: list[Tensor] = [torch.empty(0)] * len(packed)
        self.refresh()

    def refresh(self) -> int:
        """Make anew what changed; the number of things made. Costs some microseconds where nothing did."""
        now = {name: (t.data_ptr(), t._version) for name, t in self._watched.items()}
        if now == self._seen:
            return 0
        changed = {name for name, mark in now.items() if self._seen.get(name) != mark}
        known = dict(self._weights)
        count = 0
        for k, one in enumerate(self._packed):
            if changed.isdisjoint(one.weights):
                continue
            for name in one.steps:
                if name not in known:
                    op, args, kwargs = self._steps[name]
                    known[name] = op(*_read(args, known), **{key: _read(a, known) for key, a in kwargs.items()})
            self.made[k] = _laid_out(known[one.name], one)
            count += 1
        self._seen = now
        return count


def _laid_out(t: Tensor, like: Packed) -> Tensor:
    """The tensor in the memory layout that was compiled for; itself where it has it. ValueError for another shape."""
    if t.is_mkldnn:
        return t  # laid out as oneDNN likes it; nobody else looks inside
    if tuple(t.shape) != like.shape or str(t.dtype) != f"torch.{like.dtype}":
        raise ValueError(f"{like.name} is {list(t.shape)} {t.dtype}, compiled for {list(like.shape)} {like.dtype}")
    if t.stride() == like.stride:
        return t.detach()
    return torch.empty_strided(like.shape, like.stride, dtype=t.dtype).copy_(t)
