"""The parents of a blend, laid out so that mixing them is few passes over memory; never written after that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from models.blending.relatives import MAPPING, Relative, foreign_mapping
from models.forms.mixing import mix_into
from models.generators.plain.block import ALIGNED
from models.resident import Resident

if TYPE_CHECKING:
    from torch import Tensor

Row = tuple[float, ...]
Mark = tuple[int, Row, bool]  # which blend, the shares of the parents, whether filters are matched
Shares = list[tuple[int, float]]  # parents that have one, and how much
SMALL = 1e-12  # a filter of no length has no direction


class Parents:
    """`relatives[0]` is the network at home, the others have passed `relatives.check`.

    `differing` are the names of floats that are not the same bits in all parents, in the order of memory. A mapping
    that does not fit is the one at home. `donor` are all tensors of the first relative, its own mapping among them.
    """

    def __init__(self, resident: Resident, relatives: Sequence[Relative]) -> None:
        self._resident = resident
        home = relatives[0].tensors
        floats = [name for name, t in home.items() if t.is_floating_point()]
        with torch.inference_mode(False), torch.no_grad():
            self._tensors = [dict(home)]
            for one in relatives[1:]:
                apart = bool(foreign_mapping(home, one))
                self._tensors.append(
                    {name: home[name] if apart and name.startswith(MAPPING) else one.tensors[name].detach()
                     for name in floats}
                )  # fmt: skip
            self.blocks: list[Tensor] = []
            self._even_names: list[str] = []
            self._even: list[slice] = []  # where those lie that were mixed alike the last time
            self._lay_out()
            differing = [name for name in floats if not all(same(home[name], one[name]) for one in self._tensors)]
            found = {name: resident.place(name) for name in differing}
            self._places = {name: (place.start, place.stop) for name, place in found.items() if place is not None}
            self.differing = sorted(differing, key=lambda name: self._places.get(name, (0, 0)))
            filters = [name for name in floats if home[name].ndim == 4 and name in self.differing]
            self._lengths = {name: [lengths(one[name]) for one in self._tensors] for name in filters}
            first, apart = relatives[1].tensors, bool(foreign_mapping(home, relatives[1]))
            own = {name for name in floats if not (apart and name.startswith(MAPPING))}
            self.donor = {name: self._tensors[1][name] if name in own else t for name, t in first.items()}

    @property
    def tensors(self) -> Sequence[Mapping[str, Tensor]]:
        """The floats of each parent by name."""
        return self._tensors

    def write(self, name: str, before: Tensor, out: Tensor, mark: Mark) -> None:
        """Mix one tensor, with `before` in the place of parent 0."""
        _, row, matched = mark
        parents = [before, *(one[name] for one in self._tensors[1:])]
        if matched and name in self._lengths:
            _match(out, parents, [lengths(before), *self._lengths[name][1:]], row)
        else:
            mix_into(out, parents, row)

    def write_home(self, names: Sequence[str], marks: Sequence[Mark], resident: Resident) -> None:
        """Mix many tensors, given in the order of `differing`: a stretch of memory with equal marks is one pass."""
        if resident.block is not None and marks and not marks[0][2] and marks.count(marks[0]) == len(marks):
            if names != self._even_names:  # all alike, as plain interpolation has it in every frame: looked at once
                self._even_names = list(names)
                alike = [(name, marks[0]) for name in names]
                self._even = [slice(start, stop) for start, stop, _ in self._stretches(alike)]
            for part in self._even:
                mix_into(resident.block[part], [one[part] for one in self.blocks], marks[0][1])
            resident.wrote(names)
            return
        plain = list(zip(names, marks, strict=True))
        matched = [one for one in plain if one[1][2] and one[0] in self._lengths]
        if matched:
            plain = [one for one in plain if not (one[1][2] and one[0] in self._lengths)]
        if resident.block is None:
            self._write_lists(plain, resident)
        else:
            for start, stop, (_, row, _) in self._stretches(plain):
                part = slice(start, stop)
                mix_into(resident.block[part], [one[part] for one in self.blocks], row)
        for name, (_, row, _) in matched:
            _match(resident.live(name), [one[name] for one in self._tensors], self._lengths[name], row)
        if resident.block is not None:
            resident.wrote(names)

    def _write_lists(self, plain: Sequence[tuple[str, Mark]], resident: Resident) -> None:
        """The same by torch's loops over lists, which are one launch on a card."""
        together: dict[Row, list[str]] = {}
        for name, mark in plain:
            together.setdefault(mark[1], []).append(name)
        for row, these in together.items():
            lists = [[one[name] for name in these] for one in self._tensors]
            mix_lists_into([resident.live(name) for name in these], lists, shares(row))

    def _stretches(self, plain: Sequence[tuple[str, Mark]]) -> Iterator[tuple[int, int, Mark]]:
        """Neighbours in memory with equal marks: from, to, mark."""
        start, stop = 0, -ALIGNED
        last: Mark | None = None
        for name, mark in plain:
            begin, end = self._places[name]
            if (mark is not last and mark != last) or not 0 <= begin - stop < ALIGNED:
                if last is not None:
                    yield start, stop, last
                start, last = begin, mark
            stop = end
        if last is not None:
            yield start, stop, last

    def _lay_out(self) -> None:
        """Each parent in one block, as the network itself lies; the one at home is the network's own."""
        resident = self._resident
        if resident.home_block is None:
            device = next(iter(self._tensors[0].values())).device
            for one in self._tensors[1:]:
                one.update({name: t.to(device, torch.float32).clone() for name, t in one.items()})
            return
        home = self._tensors[0]  # a place that nobody has is home again
        others = [
            resident.home_block if all(t is home[name] for name, t in one.items()) else resident.laid_out(one)
            for one in self._tensors[1:]
        ]
        self.blocks = [resident.home_block, *others]
        for one, block in zip(self._tensors[1:], self.blocks[1:], strict=True):
            one.update({name: resident.view(block, name) for name in one if resident.place(name) is not None})


def shares(row: Row) -> Shares:
    """The parents that have a share."""
    return [(k, share) for k, share in enumerate(row) if share != 0.0]


def mix_lists_into(outs: list[Tensor], parents: Sequence[list[Tensor]], parts: Shares) -> None:
    """`models.forms.mixing.mix_into` for lists of tensors, which are one launch each on a card."""
    (first, share), *rest = parts
    torch._foreach_copy_(outs, parents[first])
    if len(rest) == 1:
        torch._foreach_lerp_(outs, parents[rest[0][0]], rest[0][1])
    elif rest:
        torch._foreach_mul_(outs, share)
        for k, more in rest:
            torch._foreach_add_(outs, parents[k], alpha=more)


def same(a: Tensor, b: Tensor) -> bool:
    """Whether two float32 tensors are the same bits, whatever their layout."""
    return torch.equal(a.contiguous().view(torch.int32), b.contiguous().view(torch.int32))


def lengths(t: Tensor) -> Tensor:
    """The length of each output filter of [O, I, h, w], as [O, 1, 1, 1]."""
    found: Tensor = torch.linalg.vector_norm(t, dim=(1, 2, 3), keepdim=True).clamp_min_(SMALL)
    return found


def _match(out: Tensor, parents: Sequence[Tensor], sizes: Sequence[Tensor], row: Row) -> None:
    """out = the mixture of the filters' directions, at the mixture of their lengths `sizes`. A passage more over memory
    than mixing filters of length 1 would be, which would have to be kept: two more copies of every parent.
    """
    (first, share), *rest = shares(row)
    torch.mul(parents[first], share / sizes[first], out=out)
    size = sizes[first] * share
    for k, more in rest:
        out.addcmul_(parents[k], more / sizes[k])
        size = size + sizes[k] * more
    out.mul_(size / lengths(out))
