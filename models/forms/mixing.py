"""What a form is given for mixed weights, mixed of what it is given for the parents.

Most of what is packed is linear in the weights (casts, other orders of the same numbers, fixed gains), so for weights
sum_k a_k W_k it is the same sum over the parents' packed things, which are made once. Sums of squares are quadratic:
sum_jk a_j a_k <W_j, W_k>. Mixing them passes over memory a few times; packing anew calls a hundred small operators, and
oneDNN plans each re-ordering again (3.0 ms against 0.5 of a frame of 8 for the shipped network).

In bfloat16 the mixture is of rounded parents and rounded again: up to one unit in the last place from packing the mixed
weights. At the ends it is the parent's packed form, bit for bit.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from models.forms.pack import Packed, Step
from models.generators.plain.block import dense

if TYPE_CHECKING:
    from models.forms.packer import Programme

Row = tuple[float, ...]
LINEAR = {
    "aten._to_copy.default", "aten.transpose.int", "aten.permute.default", "aten.expand.default", "aten.clone.default",
    "aten.view.default", "aten.reshape.default", "aten.unsqueeze.default", "aten.squeeze.dim", "aten.detach.default",
    "aten.alias.default", "aten.t.default", "mkldnn._reorder_convolution_weight.default",
    "mkldnn._reorder_convolution_transpose_weight.default",
}  # fmt: skip
SQUARES = ["aten.square.default", "aten.sum.dim_IntList"]
MOST = 1 << 24  # numbers of products of parents that are worth keeping (64 MB)


class Mixture(Protocol):
    """Who says that weights are mixtures."""

    @property
    def parents(self) -> Sequence[Mapping[str, Tensor]]:
        """The tensors of each parent by name, never written, in the layout of the network's own."""
        ...

    @property
    def pairs(self) -> Sequence[tuple[int, int]]:
        """Which parents are ever mixed with one another: (i, j) with i <= j, each parent with itself among them."""
        ...

    @property
    def mixed(self) -> Mapping[str, tuple[int, tuple[object, Row, bool]]]:
        """By a tensor's name, torch's count of its writes when it was last mixed, and how: some word, the shares of the
        parents, and whether it is more than their sum.
        """
        ...


class Mixer:
    """The packed parents of one form. Made in one thread, then used by the one that plays."""

    def __init__(
        self, mixture: Mixture, programme: Programme, packed: Sequence[Packed], weights: Mapping[str, Tensor]
    ) -> None:
        self._mixture = mixture
        parents = mixture.parents
        with torch.inference_mode(False), torch.no_grad():
            kinds: dict[tuple[str, str], list[int]] = {}
            self._singles: dict[str, list[_Single]] = {}
            for k, one in enumerate(packed):
                kind = _kind(one, programme.steps) if all(one.weights[0] in p for p in parents) else ""
                if kind == "opaque" and can_look_inside():
                    made = [programme.run(one, dict(p)) for p in parents]
                    own = programme.run(one, dict(weights))
                    self._singles.setdefault(one.weights[0], []).append(_Single(k, own, made, one.dtype))
                elif kind in ("linear", "squares"):
                    kinds.setdefault((kind, one.dtype), []).append(k)
            groups: list[_Linear | _Squares] = []
            for (kind, _), places in kinds.items():
                these = {k: packed[k] for k in places}
                if kind == "linear":
                    groups.append(_Linear(these, programme, parents))
                elif _size(these.values()) * len(mixture.pairs) <= MOST:
                    groups.append(_Squares(these, programme, parents, mixture.pairs))
            self._groups = groups

    def mix(self, changed: Mapping[str, int], made: list[Tensor]) -> set[int]:
        """Bring up to date what can be mixed of weights that changed (name -> count of writes); the places in `made`
        that are.
        """
        said = self._mixture.mixed
        rows = {}
        for name, version in changed.items():
            if (found := said.get(name)) is not None and found[0] == version and not found[1][2]:
                rows[name] = found[1][1]
        if not rows:
            return set()
        done: set[int] = set()
        for group in self._groups:
            group.mix(rows, made, done)
        for name, row in rows.items():
            for single in self._singles.get(name, ()):
                mix_into(single.flat, single.parents, row)
                made[single.place] = single.own
                done.add(single.place)
        return done


class _Single:
    """One thing whose memory is oneDNN's: looked at as a flat row of numbers in oneDNN's own order."""

    def __init__(self, place: int, own: Tensor, parents: Sequence[Tensor], dtype: str) -> None:
        self.place, self.own = place, own
        self.flat = inside(own, dtype)
        self.parents = [inside(one, dtype).clone() for one in parents]


class _Group:
    """Things of one type in one block, so that neighbours with equal shares are mixed in one pass."""

    def __init__(self, packed: Mapping[int, Packed]) -> None:
        self._packed = packed
        start = 0
        self._spans: list[tuple[str, int, slice]] = []
        for k, one in packed.items():
            self._spans.append((one.weights[0], k, slice(start, start + _size([one]))))
            start += _size([one])
        self._block = torch.zeros(start, dtype=getattr(torch, next(iter(packed.values())).dtype))
        self._views = {k: self._view(self._block, k, span) for _, k, span in self._spans}

    def _view(self, block: Tensor, k: int, span: slice) -> Tensor:
        return block.as_strided(self._packed[k].shape, self._packed[k].stride, span.start)

    def _filled(self, made: Mapping[int, Tensor]) -> Tensor:
        block = torch.zeros_like(self._block)
        for _, k, span in self._spans:
            self._view(block, k, span).copy_(made[k])
        return block

    def _stretches(self, rows: Mapping[str, Row], made: list[Tensor], done: set[int]) -> Iterator[tuple[slice, Row]]:
        start = stop = 0
        last: Row | None = None
        for name, k, span in self._spans:
            row = rows.get(name)
            if row is not None:
                made[k] = self._views[k]
                done.add(k)
            if row is not last and row != last:
                if last is not None:
                    yield slice(start, stop), last
                start, last = span.start, row
            stop = span.stop
        if last is not None:
            yield slice(start, stop), last


class _Linear(_Group):
    """Biases, constants: what is not oneDNN's."""

    def __init__(
        self, packed: Mapping[int, Packed], programme: Programme, parents: Sequence[Mapping[str, Tensor]]
    ) -> None:
        super().__init__(packed)
        self._parents = [self._filled({k: programme.run(one, dict(p)) for k, one in packed.items()}) for p in parents]

    def mix(self, rows: Mapping[str, Row], made: list[Tensor], done: set[int]) -> None:
        for part, row in self._stretches(rows, made, done):
            mix_into(self._block[part], [one[part] for one in self._parents], row)


class _Squares(_Group):
    """Sums of squares of filters, from those of the parents and of their products two by two (`pairs`)."""

    def __init__(
        self, packed: Mapping[int, Packed], programme: Programme, parents: Sequence[Mapping[str, Tensor]],
        pairs: Sequence[tuple[int, int]],
    ) -> None:  # fmt: skip
        super().__init__(packed)
        self._places = {pair: k for k, pair in enumerate(pairs)}
        self._products = torch.empty(len(pairs), len(self._block))
        self._shares = torch.empty(len(pairs))
        self._numbers = self._shares.numpy()
        for k, (i, j) in enumerate(pairs):
            made = {}
            for place, one in packed.items():
                name = one.weights[0]
                begun = {} if i == j else {one.steps[0]: parents[i][name] * parents[j][name]}
                made[place] = programme.run(one, {**parents[i], **begun})
            self._products[k] = self._filled(made)
        own = [self._products[self._places[i, i]] for i in range(len(parents))]
        # Where filters are not nearly opposite, rounding cannot bring their mixture's square below 0.
        self._sound = all(
            bool((self._products[k] >= -0.9 * (own[i] * own[j]).sqrt()).all()) for (i, j), k in self._places.items()
        )

    def mix(self, rows: Mapping[str, Row], made: list[Tensor], done: set[int]) -> None:
        for part, row in self._stretches(rows, made, done):
            out = self._block[part]
            if 1.0 in row:
                place = row.index(1.0)
                out.copy_(self._products[self._places[place, place], part])
                continue
            shares = [row[i] * row[j] * (1 if i == j else 2) for i, j in self._places]
            if all(shares):
                self._numbers[:] = shares
                torch.mv(self._products[:, part].t(), self._shares, out=out)
            else:
                out.zero_()
                for k, share in enumerate(shares):
                    if share:
                        out.add_(self._products[k, part], alpha=share)
            if not self._sound:
                out.clamp_min_(0.0)  # a root is taken of it


def mix_into(out: Tensor, parents: Sequence[Tensor], row: Sequence[float]) -> None:
    """out = sum_k row_k parents_k, in place; with one share the parent itself, bit for bit."""
    (first, share), *rest = [(k, share) for k, share in enumerate(row) if share != 0.0]
    if not rest:
        out.copy_(parents[first])
    elif len(rest) == 1:
        torch.lerp(parents[first], parents[rest[0][0]], rest[0][1], out=out)
    else:
        total = out if out.dtype == torch.float32 else torch.empty_like(out, dtype=torch.float32)
        torch.mul(parents[first], share, out=total)
        for k, more in rest:
            total.add_(parents[k], alpha=more)
        if total is not out:
            out.copy_(total)


def can_look_inside() -> bool:
    """Whether this torch tells where oneDNN keeps a tensor's numbers."""
    return hasattr(torch.ops.mkldnn, "data_ptr") and hasattr(torch.ops.mkldnn, "_nbytes")


def inside(t: Tensor, dtype: str) -> Tensor:
    """The memory of one of oneDNN's tensors as a flat row of numbers [n], padding with it. Valid while `t` lives."""
    count: int = torch.ops.mkldnn._nbytes(t)
    memory = (ctypes.c_ubyte * count).from_address(torch.ops.mkldnn.data_ptr(t))
    flat = torch.frombuffer(memory, dtype=getattr(torch, dtype))
    flat.owner = t  # type: ignore[attr-defined]
    return flat


def _kind(one: Packed, steps: Mapping[str, Step]) -> str:
    """ "linear", "squares", or "opaque" for what is linear and oneDNN's; "" for what is packed anew, or not at all."""
    if len(one.weights) != 1 or not one.steps:
        return ""
    ops = [steps[name].op for name in one.steps]
    if ops == SQUARES and dense(one.shape, one.stride):
        return "squares"
    if not all(op in LINEAR or _is_gain(steps[name]) for op, name in zip(ops, one.steps, strict=True)):
        return ""
    if ops[-1].startswith("mkldnn."):
        return "opaque"
    return "linear" if dense(one.shape, one.stride) else ""


def _is_gain(step: Step) -> bool:
    """A product with a fixed number."""
    return step.op == "aten.mul.Tensor" and len(step.args) == 2 and isinstance(step.args[1], int | float)


def _size(packed: Iterable[Packed]) -> int:
    return sum(math.prod(one.shape) for one in packed)
