"""The bends that cost most as machine code: `fetch.cpp`, `spread.cpp` and `change.cpp`, for maps on a processor.

`Bender` prepares them (some seconds, once on a machine, then milliseconds). Where they are not there (no compiler, maps
on a card, a type it does not know) the functions give None, and the caller goes torch's way to the same result.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.machine_code import MachineCode, loaded

SOURCES = {
    "resample": "fetch.cpp",
    "average_bins": "fetch.cpp",
    "extremum": "spread.cpp",
    "reshape": "change.cpp",
    "bound": "change.cpp",
    "turns": "change.cpp",
}
TAKES = {
    "bound": [ctypes.c_void_p, *[ctypes.c_int64] * 3, ctypes.c_float],
    "turns": [ctypes.c_void_p] * 3 + [ctypes.c_int64] * 2,
}
BORDERS = {"nothing": 0, "mirror": 1, "mixed": 2}
PLACES = {name: k for k, name in enumerate(("given", "swayed", "shifted", "scaled", "turned", "swirled", "folded"))}
RADII = 9
FEW = 1 << 14  # numbers of a map for which no other thread is asked
KINDS = ("gate", "fold", "step", "about", "waves", "mix", "wires")


class Map(ctypes.Structure):
    """A map that is read and one of the same size that is written, as the source has them."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("count", "height", "width", "channels", "half", "threads")),
        ("x", ctypes.c_void_p), ("y", ctypes.c_void_p),
    ]  # fmt: skip


class Warp(ctypes.Structure):
    """What `resample` is to do."""

    _fields_ = [
        ("map", Map), ("kind", ctypes.c_int64), ("px", ctypes.c_void_p), ("py", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("px_row", "px_column", "py_row", "py_column")),
        ("numbers", ctypes.c_float * 4),
        *((name, ctypes.c_float) for name in ("edge", "finest", "farthest")),
        ("border", ctypes.c_int32),
        *((name, ctypes.c_int64) for name in ("rows", "columns")),
        ("under", ctypes.c_void_p), ("share", ctypes.c_float), ("limit", ctypes.c_float),
    ]  # fmt: skip


class Bins(ctypes.Structure):
    """What `average_bins` is to do."""

    _fields_ = [
        ("map", Map),
        *((name, ctypes.c_int64) for name in ("rows", "columns")),
        *((name, ctypes.c_void_p) for name in ("top", "bottom", "left", "right")),
    ]  # fmt: skip


class Ellipse(ctypes.Structure):
    """What `extremum` is to do."""

    _fields_ = [
        ("map", Map), ("share", ctypes.c_float), ("least", ctypes.c_int32), ("reach", ctypes.c_int32 * RADII * 2),
    ]  # fmt: skip


class Shape(ctypes.Structure):
    """What `reshape` is to do."""

    _fields_ = [
        ("map", Map), ("kind", ctypes.c_int64), ("a", ctypes.c_float), ("b", ctypes.c_float),
        ("numbers", ctypes.c_void_p), ("other", ctypes.c_void_p),
    ]  # fmt: skip


@dataclass(frozen=True)
class Library:
    """The compiled functions; each takes the address of its job, but for the last two."""

    resample: Callable[[int], None]
    average_bins: Callable[[int], None]
    extremum: Callable[[int], None]
    reshape: Callable[[int], None]
    bound: Callable[[int, int, int, int, float], None]
    turns: Callable[[int, int, int, int, int], None]


def _function(file: str, name: str) -> Any:
    function = getattr(loaded(Path(__file__).with_name(file), name), name)
    function.argtypes = TAKES.get(name, [ctypes.c_void_p])
    function.restype = None
    return function


def _library() -> Library:
    return Library(**{name: _function(file, name) for name, file in SOURCES.items()})


KERNELS = MachineCode(_library, "bends play without their compiled kernels")
prepare = KERNELS.prepare


def resample(
    x: Tensor,
    kind: str,
    edge: Tensor | float,
    border: str,
    finest: float,
    farthest: float,
    px: Tensor | None = None,
    py: Tensor | None = None,
    numbers: Sequence[Tensor | float] = (),
    under: tuple[Tensor, Tensor, float] | None = None,
) -> Tensor | None:
    """`warp.fetched`, which see. The places by `kind`:

    "given": `px` and `py` themselves, [1 or H, 1 or W], for as many rows and columns as they have; "swayed": `px` and
    `py` are added to each pixel's own; "shifted": to the right and down by `numbers[2:]`, in parts of `numbers[:2]`;
    "scaled": about the place `numbers[:2]`, `numbers[2]` times; "turned": about it, by the cosine and sine behind it;
    "swirled": about it, by nothing `numbers[2]` pixels away and by `numbers[3]` radians in the middle; "folded": into
    sectors of `numbers[2]` radians (0: none) from `numbers[3]` on, where `px` says how far each pixel is from the
    middle and `py` in which direction.

    `under` is a map like x, a share and a limit: what was fetched is laid over that map as much as the share says, and
    what is no number becomes 0, what is larger than the limit the limit.
    """
    if KERNELS.library is None or not _able(x):
        return None
    x = x.contiguous(memory_format=torch.channels_last)
    rows, columns = x.shape[2:]
    job = Warp(kind=PLACES[kind], numbers=tuple(map(float, numbers)))
    if px is not None and py is not None:
        if px.dtype != torch.float32 or py.dtype != torch.float32:
            return None
        job.px, job.py = px.data_ptr(), py.data_ptr()
        (job.px_row, job.px_column), (job.py_row, job.py_column) = _steps(px), _steps(py)
        if kind == "given":
            rows, columns = max(px.shape[0], py.shape[0]), max(px.shape[1], py.shape[1])
    made = _empty(x, rows, columns)
    job.map = _map(x, made)
    job.edge, job.finest, job.farthest, job.border = float(edge), finest, farthest, BORDERS[border]
    job.rows, job.columns = rows, columns
    if under is not None:
        below = under[0].to(x.dtype).contiguous(memory_format=torch.channels_last)
        job.under, job.share, job.limit = below.data_ptr(), float(under[1].to(x.dtype)), _kept(under[2], x.dtype)
    KERNELS.library.resample(ctypes.addressof(job))
    return made


def average(x: Tensor, rows: tuple[Tensor, Tensor], columns: tuple[Tensor, Tensor]) -> Tensor | None:
    """The means over bins: `rows` and `columns` say, as int32, where each row and column of bins begins and where it
    ends; what of a bin lies outside is the nearest pixel inside. None where that cannot be.
    """
    if KERNELS.library is None or not _able(x):
        return None
    x = x.contiguous(memory_format=torch.channels_last)
    made = _empty(x, len(rows[0]), len(columns[0]))
    job = Bins(_map(x, made), len(rows[0]), len(columns[0]), *(edge.data_ptr() for edge in (*rows, *columns)))
    KERNELS.library.average_bins(ctypes.addressof(job))
    return made


def extremum(x: Tensor, widths: Sequence[Sequence[int]], share: float, least: bool) -> Tensor | None:
    """Erosion (`least`) or dilation over one or two ellipses, given as how far they reach to each side in the rows from
    their middle; two are mixed by `share`. None where that cannot be.
    """
    if KERNELS.library is None or not _able(x):
        return None
    x = x.contiguous(memory_format=torch.channels_last)
    made = torch.empty_like(x, memory_format=torch.channels_last)
    job = Ellipse(_map(x, made), share, least)
    for kind in range(2):
        reach = widths[kind] if kind < len(widths) else ()
        job.reach[kind][:] = [reach[row] if row < len(reach) else -1 for row in range(RADII)]
    KERNELS.library.extremum(ctypes.addressof(job))
    return made


def reshape(
    x: Tensor,
    kind: str,
    a: Tensor | float = 0.0,
    b: Tensor | float = 0.0,
    numbers: Tensor | Sequence[Tensor | float] | None = None,
    other: Tensor | None = None,
) -> Tensor | None:
    """A map with its numbers changed one by one; None where that cannot be.

    "gate": x less a, towards 0; "fold": what lies above a is taken down b times; "step": rounded to multiples of a;
    "about": a times as far from each map's mean; "waves": the sine of a * column + b * row + `numbers[0]`, times
    `numbers[1]`, is added; "mix": `numbers` [C] of `other` in each channel; "wires": each channel from the one a whole
    number on, mixed with the next by b.
    """
    if KERNELS.library is None or not _able(x):
        return None
    x = x.contiguous(memory_format=torch.channels_last)
    made = _empty(x, x.shape[2], x.shape[3])
    if isinstance(numbers, Tensor):
        numbers = numbers.float().reshape(-1, 1, x.shape[1]).expand(-1, x.shape[3], -1).contiguous()  # of a whole row
    elif numbers is not None:
        numbers = torch.tensor([float(number) for number in numbers])
    if other is not None:
        other = other.to(x.dtype).contiguous(memory_format=torch.channels_last)
    pointers = [0 if given is None else given.data_ptr() for given in (numbers, other)]
    job = Shape(_map(x, made), KINDS.index(kind), float(a), float(b), *pointers)
    KERNELS.library.reshape(ctypes.addressof(job))
    return made


def bound(x: Tensor, limit: float) -> bool:
    """NaN becomes 0 and what lies beyond +-limit the limit, in place; False where that cannot be done here."""
    if KERNELS.library is None or not _able(x):
        return False
    if not (x.is_contiguous(memory_format=torch.channels_last) or x.is_contiguous()):
        return False
    count, half = x.numel(), x.dtype == torch.bfloat16
    KERNELS.library.bound(x.data_ptr(), count, half, _threads(count), _kept(limit, x.dtype))
    return True


def turns(angle: Tensor) -> tuple[Tensor, Tensor] | None:
    """The cosines and the sines of angles below 1000 radians; None where that cannot be done here."""
    if KERNELS.library is None or angle.dtype != torch.float32 or not _able(angle):
        return None
    angle = angle.contiguous()
    cosine, sine = torch.empty_like(angle), torch.empty_like(angle)
    pointers = angle.data_ptr(), cosine.data_ptr(), sine.data_ptr()
    KERNELS.library.turns(*pointers, angle.numel(), torch.get_num_threads())
    return cosine, sine


@cache
def _kept(limit: float, dtype: torch.dtype) -> float:
    """The limit as this type has it."""
    return float(torch.tensor(limit, dtype=dtype))


def plays(x: Tensor) -> bool:
    """Whether the kernels are there and know such maps."""
    return KERNELS.library is not None and _able(x)


def _able(x: Tensor) -> bool:
    kind = x.dtype in (torch.float32, torch.bfloat16)
    return kind and x.device.type == "cpu" and not (x.requires_grad and torch.is_grad_enabled())


def _empty(x: Tensor, rows: int, columns: int) -> Tensor:
    shape = (*x.shape[:2], rows, columns)
    if shape == x.shape:
        return torch.empty_like(x)  # in less than half the time
    return torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last)


def _map(x: Tensor, y: Tensor) -> Map:
    n, c, h, w = x.shape
    return Map(n, h, w, c, x.dtype == torch.bfloat16, _threads(n * c * h * w), x.data_ptr(), y.data_ptr())


def _threads(count: int) -> int:
    return torch.get_num_threads() if count > FEW else 1


def _steps(p: Tensor) -> tuple[int, int]:
    """The strides of places [1 or H, 1 or W]; 0 along what is only one."""
    return tuple(0 if size == 1 else step for size, step in zip(p.shape, p.stride(), strict=True))  # type: ignore[return-value]
