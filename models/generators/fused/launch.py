"""Starting a kernel, and what becomes of one that is not there yet or cannot be started."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from torch import Tensor


class Unplayable(RuntimeError):
    """A kernel could not be built or started; the message says which and why."""


class Unbuilt(RuntimeError):
    """A kernel would have to be built first, and who asks cannot wait for a compiler."""


class _Patience(threading.local):
    waits = True


_patience = _Patience()
_built: set[Hashable] = set()  # each kernel in each form that Triton compiles by itself


@contextmanager
def patience(waits: bool) -> Iterator[None]:
    """Whether this thread builds what is missing (half a second a kernel) or is told that it is `Unbuilt`."""
    before, _patience.waits = _patience.waits, waits
    try:
        yield
    finally:
        _patience.waits = before


def kernels() -> ModuleType:
    """The kernels. ImportError where there is no Triton."""
    from models.generators.fused import kernels as found

    return found


def launch(name: str, grid: tuple[int, ...], *given: Any, warps: int = 4, **constants: Any) -> None:
    """Start `grid` programs of the kernel `name` on the current stream. Unbuilt, or Unplayable whatever went wrong."""
    form = (name, warps, *constants.values(), *map(_form, given))
    if form not in _built and not _patience.waits:
        raise Unbuilt(name)
    try:
        getattr(kernels(), name)[grid](*given, **constants, num_warps=warps)
    except Exception as error:  # a compiler, a linker and a driver fail in every way; torch plays on
        raise Unplayable(f"kernel {name}: {type(error).__name__}: {str(error).strip()[:300]}") from error
    _built.add(form)


def _form(value: Any) -> Hashable:
    """What Triton looks at to choose among the compiled forms of a kernel."""
    if isinstance(value, Tensor):
        return value.dtype, value.get_device(), value.ndim == 0 or value.data_ptr() % 16 == 0
    return float if isinstance(value, float) else (value == 1, value % 16 == 0)


def power_of_two(number: int, at_most: int) -> int:
    """The least power of two that is not below `number`, but `at_most`: tiles of Triton have such sides."""
    return min(1 << max(number - 1, 0).bit_length(), at_most)


def ceil(number: int, parts: int) -> int:
    """How many parts hold a number of things."""
    return -(-number // parts)
