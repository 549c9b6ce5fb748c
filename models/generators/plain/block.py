"""All floats of a network on a processor in one block of memory: parameters first, each in the layout that it has.

What changes all weights (a blend of whole networks) then passes over one block instead of a hundred tensors, and the
memory of a network goes back to the system in one piece. `fill` lays networks out so; `models.resident` plays them.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping, Sequence
from contextlib import suppress

import torch
from torch import Tensor

ALIGNED = 16  # floats: each tensor of a block begins on a line of the processor's cache
LARGE = 1 << 18  # floats, from which on a block has pages of its own


def places(tensors: Mapping[str, Tensor]) -> tuple[dict[str, int], int]:
    """Where each dense float32 tensor begins in a block, in floats, and the size of the whole."""
    floats = {name: t for name, t in tensors.items() if t.dtype == torch.float32 and dense(t.shape, t.stride())}
    # Buffers last: they are mostly the same in relatives, and what is mixed is then one stretch.
    ordered = sorted(floats.items(), key=lambda named: not isinstance(named[1], torch.nn.Parameter))
    found: dict[str, int] = {}
    size = 0
    for name, tensor in ordered:
        found[name] = size
        size += -(-tensor.numel() // ALIGNED) * ALIGNED
    return found, size


def memory(size: int) -> Tensor:
    """A block of zeros [size]. A large one costs nothing where it was not written yet, and goes back to the system at
    once: the C library would keep it (see `perform.engine.render.keep_memory`).
    """
    if size < LARGE or not hasattr(mmap, "MAP_ANONYMOUS"):
        return torch.zeros(size)
    pages = mmap.mmap(-1, 4 * size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # a kernel without large pages
            pages.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(pages, dtype=torch.float32)


def within(block: Tensor, start: int, like: Tensor) -> Tensor:
    """The place of a block where `like` lies, in its shape and layout: a tensor with a count of writes of its own."""
    return torch.empty(0).set_(block.untyped_storage(), start, like.shape, like.stride())


def block_of(tensors: Mapping[str, Tensor]) -> Tensor | None:
    """The block in which tensors lie just as `places` has it; None if they do not."""
    found, size = places(tensors)
    if not found:
        return None
    whole = tensors[next(iter(found))].untyped_storage()
    base = whole.data_ptr()
    lies = whole.nbytes() == 4 * size and all(tensors[name].data_ptr() == base + 4 * at for name, at in found.items())
    return torch.empty(0).set_(whole, 0, (size,), (1,)) if lies else None


def dense(shape: Sequence[int], stride: Sequence[int]) -> bool:
    """Whether such a tensor fills as much memory as it has numbers, in whatever order of dimensions."""
    expected = 1
    for step, size in sorted(zip(stride, shape, strict=True)):
        if size != 1 and step != expected:
            return False
        expected *= size
    return True
