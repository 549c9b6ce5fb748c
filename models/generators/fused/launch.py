"""Starting a kernel, and what becomes of one that cannot be started."""

from __future__ import annotations

from types import ModuleType
from typing import Any


class Unplayable(RuntimeError):
    """A kernel could not be built or started; the message says which and why."""


def kernels() -> ModuleType:
    """The kernels. ImportError where there is no Triton."""
    from models.generators.fused import kernels as found

    return found


def launch(name: str, grid: tuple[int, ...], *given: Any, warps: int = 4, **constants: Any) -> None:
    """Start `grid` programs of the kernel `name` on the current stream. Unplayable, whatever went wrong."""
    try:
        getattr(kernels(), name)[grid](*given, **constants, num_warps=warps)
    except Exception as error:  # a compiler, a linker and a driver fail in every way; torch plays on
        raise Unplayable(f"kernel {name}: {type(error).__name__}: {str(error).strip()[:300]}") from error


def power_of_two(number: int, at_most: int) -> int:
    """The least power of two that is not below `number`, but `at_most`: tiles of Triton have such sides."""
    return min(1 << max(number - 1, 0).bit_length(), at_most)


def ceil(number: int, parts: int) -> int:
    """How many parts hold a number of things."""
    return -(-number // parts)
