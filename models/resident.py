"""The live weights of one network, as what a short list of stages makes of its own.

    resident = Resident(generator)              # when the network is made, before it plays or is captured
    resident.update([blend, tune, rewrite])     # between two frames, on the generator's thread

The order of the stages is fixed by who calls: parents -> blend -> tune -> rewrite give the weights. Stages write into
the network's own tensors, in place, and only where something changed; what a tensor was when the network came is kept,
so home is exact, bit for bit, and undo is free. Compiled forms read the same tensors and follow by themselves.

On a processor all of a network's floats lie in one block of memory (`models.generators.plain.block`). So a stage that
changes all of them, as a blend of whole networks does, passes over one block instead of a hundred tensors (0.3 ms less
of a frame of 8 for the shipped network). The block that the network came in is home, and nobody writes it: a tensor
that nothing is done to plays from there, and one that a stage writes moves to its place in a second block, which takes
memory only where it was written. So weights that rest are in memory once.

On a card they stay where they are, for captured graphs know their addresses, and torch's fused loops over lists of
tensors are as good; what a tensor was is copied before a stage first writes it, or when somebody asks to keep it.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping, Sequence
from copy import deepcopy
from itertools import zip_longest
from typing import TYPE_CHECKING, Protocol

import torch

from models.generators.plain.block import block_of, memory, places, within

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


class Wholesale(Protocol):
    """What a stage may have besides: it can write many tensors at one go."""

    def write_home(self, names: Sequence[str], resident: Resident) -> None:
        """Make the live tensors of `names` of those at home, as `write` would one by one.

        Called instead of `write` for the tensors whose first stage this is. Whoever writes past the tensors (into
        `resident.block`) tells `resident.wrote`.
        """


def twin(generator: Generator) -> Generator:
    """A second network with the very same tensors, which takes no memory: for who looks at a network while it plays.

    Made on a processor before the network is `Resident`, it stays at home: the other's tensors move when they are
    written. On a card it shows what is played.
    """
    if not isinstance(generator, torch.nn.Module):
        return deepcopy(generator)
    with torch.inference_mode(False), torch.no_grad():
        same: dict[int, Tensor] = {id(p): torch.nn.Parameter(p.detach(), False) for p in generator.parameters()}
        same |= {id(b): b.detach() for b in generator.buffers()}
        return deepcopy(generator, same)


class Resident:
    """The weights of one network while it is played. One thread: the generator's.

    `names` are its parameters and buffers; they are the very tensors that the network computes with. `home_block` [n]
    is the memory in which all floats of a network on a processor came, `block` that in which those lie that were
    written; both are None elsewhere.
    """

    def __init__(self, generator: Generator) -> None:
        module = generator if isinstance(generator, torch.nn.Module) else None
        self._live: dict[str, Tensor] = dict(module.state_dict(keep_vars=True)) if module is not None else {}
        self._places: dict[str, int] = {}
        self._away: set[str] = set()  # what has moved to `block`
        self._ready: set[str] = set()  # what may be written: it has moved, or is kept
        self.block: Tensor | None = None
        self.home_block: Tensor | None = None
        self._home: dict[str, Tensor] = {}
        with torch.inference_mode(False), torch.no_grad():  # what is made here is written for hours, and watched
            if self._live and all(t.device.type == "cpu" for t in self._live.values()):
                self._lay_out()
        self._keeping = threading.Lock()
        self._together: tuple[list[str], list[Tensor]] = ([], [])  # the tensors of many names, as asked the last time
        self._asked: list[dict[str, Hashable]] = []
        self._stale: Mapping[str, None] = {}  # to be written whatever is asked: an exception came between

    @property
    def names(self) -> tuple[str, ...]:
        """All tensors that can be written, in the network's order."""
        return tuple(self._live)

    def home(self, name: str) -> Tensor:
        """The tensor as it was when the network came: not to be written. KeyError for a name that there is not. Any
        thread.
        """
        if (kept := self._home.get(name)) is not None:
            return kept
        # Once for each tensor of a card: who comes second must see what the first one kept, not what is written since.
        with self._keeping, torch.inference_mode(False), torch.no_grad():
            if name not in self._home:
                self._home[name] = self._live[name].detach().clone()
            return self._home[name]

    def live(self, name: str) -> Tensor:
        """The tensor that plays: for stages to write, whose turn it is."""
        return self._live[name]

    def lives(self, names: Sequence[str]) -> list[Tensor]:
        """`live` of many, quicker where the same ones are asked for in every frame. The generator's thread."""
        if names != self._together[0]:
            self._together = (list(names), [self._live[name] for name in names])
        return self._together[1]

    def place(self, name: str) -> slice | None:
        """Where the tensor lies in `block`; None if it does not."""
        start = self._places.get(name)
        return None if start is None else slice(start, start + self._live[name].numel())

    def laid_out(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """Another network's tensors of the same names and shapes in the order and layout of `block`, a new [n].

        Names that are not there leave zeros. ValueError on a device whose networks have no block.
        """
        if self.home_block is None:
            raise ValueError("the network has no block of memory here")
        with torch.inference_mode(False), torch.no_grad():
            made = memory(len(self.home_block))
            for name in self._places.keys() & tensors.keys():
                self.view(made, name).copy_(tensors[name])
        return made

    def view(self, block: Tensor, name: str) -> Tensor:
        """The tensor of this name in a block that `laid_out` made."""
        live = self._live[name]
        return block.as_strided(live.shape, live.stride(), self._places[name])

    def wrote(self, names: Sequence[str]) -> None:
        """Say that these tensors were written through `block`, all of each, so that the network plays them and whoever
        watches them (forms) sees it.
        """
        self._leave(names)
        torch.autograd.graph.increment_version(self.lives(names))

    @torch.no_grad()
    def update(self, stages: Sequence[Stage]) -> int:
        """Bring the weights to what `stages` say, one after another; how many tensors were written.

        A name that the network has not is passed over. An exception of a stage leaves the tensors that it was to write
        as they were when the network came, and is raised; what it kept from being written is written next time.
        """
        asked = [stage.marks() for stage in stages]
        if asked == self._asked and not self._stale:
            return 0
        changed = self._changed(asked)
        self._asked, self._stale = [dict(marks) for marks in asked], changed
        done = self._write_home(stages, asked, changed)
        later = [marks for marks in asked[1:] if marks]
        left = changed if later else [name for name in changed if name not in done]
        for name in left:
            if name in done and not any(name in marks for marks in later):
                continue
            recipe = [stage for stage, marks in zip(stages, asked, strict=True) if name in marks]
            if name in done:
                self._write(name, recipe[1:], self._live[name])
            else:
                self._write(name, recipe, self.home(name))
        self._stale = {}
        return len(changed)

    def _changed(self, asked: Sequence[Mapping[str, Hashable]]) -> dict[str, None]:
        """The names of which something else is asked than before, in the order of the stages' marks."""
        changed = dict(self._stale)
        nothing: Mapping[str, Hashable] = {}
        for new, old in zip_longest(asked, self._asked, fillvalue=nothing):
            if new != old:
                names = [name for name, mark in new.items() if old.get(name, self) != mark and name in self._live]
                names += [name for name in old if name not in new and name in self._live]
                changed |= dict.fromkeys(names)
        return changed

    def _write_home(
        self, stages: Sequence[Stage], asked: Sequence[Mapping[str, Hashable]], changed: Mapping[str, None]
    ) -> set[str]:
        """Let wholesale stages write the tensors whose first stage they are; the names of these."""
        done: set[str] = set()
        for place, (stage, marks) in enumerate(zip(stages, asked, strict=True)):
            write_home = getattr(stage, "write_home", None)
            if not marks or write_home is None:
                continue
            names = list(marks) if marks.keys() == changed.keys() else [name for name in marks if name in changed]
            for earlier in asked[:place]:
                names = [name for name in names if name not in earlier]
            try:
                self._leave(names)
                write_home(names, self)
            except Exception:
                for name in names:
                    self._go_home(name)
                raise
            done.update(names)
        return done

    def _write(self, name: str, stages: Sequence[Stage], before: Tensor) -> None:
        """Let `stages` make the live tensor of `before`; without a stage it is `before`."""
        live = self._live[name]
        if not stages:
            if before is not live:
                self._go_home(name)
            return
        self._leave([name])
        try:
            for stage in stages:
                stage.write(name, before, live)
                before = live
        except Exception:
            self._go_home(name)
            raise

    def _leave(self, names: Sequence[str]) -> None:
        """Before they are written: these play from `block` from now on, where there may be anything yet. What has no
        place there is kept first.

        The first time that all of a network goes there its pages come into being: 18 ms for 130 MB. They stay, so that
        a hand that comes and goes does not pay for them again.
        """
        if self._ready.issuperset(names):
            return
        for name in names:
            self.home(name)
        leaving = [name for name in names if name in self._places and name not in self._away]
        if leaving and self.block is not None:
            with torch.inference_mode(False):
                for name in leaving:
                    self._live[name].data = self.view(self.block, name)
            self._away.update(leaving)
        self._ready.update(names)

    def _go_home(self, name: str) -> None:
        """The tensor is what it was when the network came."""
        if name not in self._places:
            self._live[name].copy_(self.home(name))
        elif name in self._away:
            self._away.discard(name)
            self._ready.discard(name)
            with torch.inference_mode(False):
                self._live[name].data = self._home[name]

    def _lay_out(self) -> None:
        """Move the floats into one block, if they are not in one; the tensors stay the same objects."""
        self._places, size = places(self._live)
        self.block = memory(size)
        self.home_block = block_of(self._live)
        if self.home_block is None or any(self._live[name].is_inference() for name in self._places):
            self.home_block = memory(size)
            for name, start in self._places.items():
                view = within(self.home_block, start, self._live[name])
                view.copy_(self._live[name])
                self._live[name].data = view
        self._home |= {name: self.view(self.home_block, name) for name in self._places}
