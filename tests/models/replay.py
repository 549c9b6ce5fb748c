"""What a CUDA graph does, where there is no card: `Emulator` stands for `models.forms.cuda.OnCard`.

While it captures, every operator of torch is put on a list with its arguments by reference; `replay` runs the list
again and writes what comes out where it lay the first time. So whatever a graph would freeze is frozen here, too: a
Python number, a branch, a shape. And capturing fails here (`Forbidden`) where it fails on a card, or would only seem to
succeed there: a number read back, a choice of unknown size, a tensor made of Python numbers or brought from outside,
a tensor that is kept beyond the capture, randomness.

On a processor all tensors look alike, so `elsewhere` makes the other half of the proof, with a network of tensors
without numbers that say they are not on it: there a tensor of the processor among an operator's arguments is an error.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map_only

from models.forms.cuda import WARM_UP

SYNCHRONISES = (
    "_local_scalar_dense", "nonzero", "masked_select", "unique", "_unique2", "unique_consecutive", "unique_dim",
    "bincount", "equal", "is_nonzero", "histc", "linalg_lstsq", "linalg_eig", "lift_fresh", "_pin_memory",
)  # fmt: skip
RANDOM = ("rand", "randn", "randint", "randperm", "normal", "normal_", "uniform_", "bernoulli", "bernoulli_", "random_")
MASKED = ("index", "index_put", "index_put_", "_index_put_impl_")
EMPTY = ("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided")
FLOAT_ONLY = ("_fft_", "polar", "view_as_complex", "linalg_lu", "linalg_inv")  # not in 16 bits, says torch


class Forbidden(Exception):
    """What cannot be in a graph."""


def _name(func: Any) -> str:
    return str(func.overloadpacket.__name__)


def _tensors(*trees: Any) -> list[Tensor]:
    return [leaf for leaf in tree_flatten(trees)[0] if isinstance(leaf, Tensor)]


def _storage(t: Tensor) -> int:
    return t.untyped_storage()._cdata


def _alias(t: Tensor) -> Tensor:
    return torch.ops.aten.alias.default(t)


def refuse(func: Any, args: Any, kwargs: Any) -> None:
    """Forbidden where this operator, so called, cannot be captured on a card or not in 16 bits."""
    name, given = _name(func), _tensors(args, kwargs)
    if name in SYNCHRONISES:
        raise Forbidden(f"{func} waits for the card or makes a tensor of Python numbers")
    if name in RANDOM:
        raise Forbidden(f"{func} draws numbers")
    by_mask = name in MASKED and any(t.dtype in (torch.bool, torch.uint8) for t in _tensors(args[1]))
    if by_mask:
        raise Forbidden(f"{func} by a mask waits for the card")
    if name == "repeat_interleave" and "output_size" not in kwargs:
        raise Forbidden(f"{func} without output_size waits for the card")
    if any(t.dtype in (torch.bfloat16, torch.float16) for t in given) and name.startswith(FLOAT_ONLY):
        raise Forbidden(f"{func} is not there in 16 bits on a card")


@dataclass
class Op:
    """One entry of the list. `kernel` is False for what only looks at memory in another way."""

    func: Any
    args: Any
    kwargs: Any
    out: list[Tensor]
    kernel: bool
    writes: bool  # into its arguments

    @property
    def moved(self) -> int:
        """Bytes that it reads and writes at least."""
        read = {_storage(t): t.numel() * t.element_size() for t in _tensors(self.args, self.kwargs)}
        return sum(read.values()) + sum(t.numel() * t.element_size() for t in self.out)


class _Outside(TorchDispatchMode):
    """Which memory that it did not make itself the work uses."""

    def __init__(self) -> None:
        super().__init__()
        self.used: dict[int, Tensor] = {}
        self._made: dict[int, Tensor] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for t in _tensors(args, kwargs or {}):
            if _storage(t) not in self._made:
                self.used[_storage(t)] = _alias(t)
        made = func(*args, **(kwargs or {}))
        for t in _tensors(made):
            if _storage(t) not in self.used:
                self._made[_storage(t)] = _alias(t)  # kept, so that no other comes to lie there
        return made


class _Recorder(TorchDispatchMode):
    def __init__(self, known: dict[int, Tensor]) -> None:
        super().__init__()
        self._known, self._made = known, dict[int, Tensor]()
        self.ops: list[Op] = []
        self.given: list[tuple[weakref.ref[Tensor], Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        refuse(func, args, kwargs)
        before = _tensors(args, kwargs)
        for t in before:
            if _storage(t) not in self._known and _storage(t) not in self._made:
                raise Forbidden(f"{func} reads a tensor {list(t.shape)} that came from outside after warming up")
        kept = tree_map_only(Tensor, _alias, (args, kwargs))
        made = func(*args, **kwargs)
        if _name(func) in EMPTY:
            spoil(made)
        places = {_storage(t) for t in before}
        out = _tensors(made)
        view = bool(out) and all(_storage(t) in places for t in out) and not func._schema.is_mutable
        self.ops.append(Op(func, *kept, [_alias(t) for t in out], not view, func._schema.is_mutable))
        for t in out:
            if _storage(t) not in self._known:
                self._made[_storage(t)] = _alias(t)
                if _storage(t) not in places:
                    self.given.append((weakref.ref(t), func))
        return made


def spoil(t: Tensor) -> None:
    """What nobody has written yet is no number."""
    if t.is_floating_point():
        t.fill_(float("nan"))


class Emulator:
    """See the top. `ops` is the list of the last capture."""

    def __init__(self) -> None:
        self.captures = 0
        self.ops: list[Op] = []

    def __call__(self, work: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], None]]:
        used: list[dict[int, Tensor]] = []
        for _ in range(WARM_UP):
            with _Outside() as outside:
                work()
            used.append(outside.used)
        # What is there to stay is used by every call; what is made anew for each is another each time.
        known = {place: t for place, t in used[-1].items() if all(place in seen for seen in used[1:])}
        with _Recorder(known) as recorder:
            image = work()
        if any(reference() is not None and reference() is not image for reference, _ in recorder.given):
            gc.collect()
        for reference, func in recorder.given:
            if (left := reference()) is not None and left is not image:
                raise Forbidden(f"what {func} made while capturing, {list(left.shape)}, is kept beyond it")
        del recorder.given
        self.captures += 1
        ops = self.ops = recorder.ops
        return image, lambda: replay(ops)

    @property
    def kernels(self) -> int:
        """How many operators of the list do something."""
        return sum(op.kernel for op in self.ops)

    @property
    def moved(self) -> int:
        """Bytes that they read and write at least."""
        return sum(op.moved for op in self.ops if op.kernel)


@torch.no_grad()
def replay(ops: list[Op]) -> None:
    """Run the list again, everything in its place."""
    for op in ops:
        if not op.kernel:
            continue
        if _name(op.func) in EMPTY:
            for t in op.out:
                spoil(t)
            continue
        made = op.func(*op.args, **op.kwargs)
        if not op.writes:
            for place, t in zip(op.out, _tensors(made), strict=True):
                place.copy_(t)


class _Elsewhere(TorchDispatchMode):
    """Tensors of the processor have no business in a graph."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        refuse(func, args, kwargs)
        made = func(*args, **kwargs)
        for t in (*_tensors(args, kwargs), *_tensors(made)):
            if t.device.type == "cpu" and t.numel():
                raise Forbidden(f"{func} has a tensor {list(t.shape)} of the processor")
        return made


def elsewhere(work: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], None]]:
    """`Capture` for networks on torch's device "meta", where only shapes are worked out: Forbidden where a tensor of
    the processor is among an operator's arguments.
    """
    for _ in range(WARM_UP):
        work()
    with _Elsewhere():
        return work(), lambda: None


@contextmanager
def without_machine_code() -> Iterator[None]:
    """Bends, decoding and filters go torch's way, as they do on a card."""
    from models.bending import native as bends
    from models.decoding import native as ideas
    from models.generators import stylegan3
    from models.generators.alias_free.filtered_lrelu import Resampling, composed

    def filtered(x: Tensor, up: Tensor, down: Tensor, rates: Resampling, *numbers: Any) -> Tensor:
        return composed(x, up, down, [rates.up, rates.down, *rates.padding], *numbers)

    layer = stylegan3.Layer
    codes = bends.KERNELS, ideas.KERNELS
    before = [(code.library, code.problem) for code in codes]
    nonlinearity, still = stylegan3.filtered_lrelu, layer._still
    for code in codes:
        code.library, code.problem = None, "off"
    stylegan3.filtered_lrelu, layer._still = filtered, layer._weigh  # type: ignore[method-assign]
    try:
        yield
    finally:
        for code, (library, problem) in zip(codes, before, strict=True):
            code.library, code.problem = library, problem  # type: ignore[assignment]
        stylegan3.filtered_lrelu, layer._still = nonlinearity, still  # type: ignore[method-assign]
