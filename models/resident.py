"""The live weights of one network, as what a short list of stages makes of its own.

    resident = Resident(generator)
    resident.update([blend, tune, rewrite])     # between two frames, on the generator's thread

The order of the stages is fixed by who calls: parents -> blend -> tune -> rewrite give the weights. Stages write into
the network's own tensors, in place, and only where something changed; what a tensor was when the network came is kept
from the first write on, so home is exact, bit for bit, and undo is free. Compiled forms read the same tensors and
follow by themselves.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from models.generators import Generator


class Stage(Protocol):
    """Something that is done to weights."""

    def marks(self) -> Mapping[str, Hashable]:
        """By a tensor's name, what becomes of it: equal marks mean equal results. Tensors left alone are absent.

        Asked once a frame on the generator's thread, so it must cost microseconds where nothing moved.
        """

    def write(self, name: str, before: Tensor, out: Tensor) -> None:
        """Make `out` of `before`, tensors of one shape and type: the same tensor, or two that share no memory.

        Only called for names in `marks`. `before` is never changed, except where it is `out` itself.
        """


class Resident:
    """The weights of one network while it is played. One thread: the generator's.

    `names` are its parameters and buffers; they are the very tensors that the network computes with.
    """

    def __init__(self, generator: Generator) -> None:
        module = generator if isinstance(generator, torch.nn.Module) else None
        self._live: dict[str, Tensor] = dict(module.state_dict(keep_vars=True)) if module is not None else {}
        self._home: dict[str, Tensor] = {}
        self._marks: dict[str, tuple[Hashable, ...]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """All tensors that can be written, in the network's order."""
        return tuple(self._live)

    def home(self, name: str) -> Tensor:
        """The tensor as it was when the network came: not to be written. KeyError for a name that there is not."""
        return self._home.get(name, self._live[name])

    def live(self, name: str) -> Tensor:
        """The tensor that plays."""
        return self._live[name]

    @torch.no_grad()
    def update(self, stages: Sequence[Stage]) -> int:
        """Bring the weights to what `stages` say, one after another; how many tensors were written.

        A name that the network has not is passed over. An exception of a stage leaves that tensor as it was when the
        network came, and is raised.
        """
        asked = [(place, stage, stage.marks()) for place, stage in enumerate(stages)]
        wanted: dict[str, list[tuple[int, Stage, Hashable]]] = {}
        for place, stage, marks in asked:
            for name, mark in marks.items():
                if name in self._live:
                    wanted.setdefault(name, []).append((place, stage, mark))
        written = 0
        for name in [*wanted, *(name for name in self._marks if name not in wanted)]:
            recipe = wanted.get(name, [])
            mark = tuple((place, mark) for place, _, mark in recipe)
            if mark != self._marks.get(name, ()):
                self._write(name, [stage for _, stage, _ in recipe])
                if mark:
                    self._marks[name] = mark
                else:
                    self._marks.pop(name, None)
                written += 1
        return written

    def _write(self, name: str, stages: Sequence[Stage]) -> None:
        live = self._live[name]
        if name not in self._home:
            self._home[name] = live.detach().clone()
        before = self._home[name]
        try:
            for stage in stages:
                stage.write(name, before, live)
                before = live
        except Exception:
            live.copy_(self._home[name])
            self._marks.pop(name, None)
            raise
        if before is not live:
            live.copy_(before)
