"""The bends that cost most as machine code: `kernels.cpp`, for maps on a processor.

`Bender` prepares it (three seconds, once on a machine, then a millisecond). Where it is not there (no compiler, maps
on a card, a type it does not know) the functions give None, and the caller goes torch's way to the same result.
"""

from __future__ import annotations

import ctypes
import logging
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from models.machine_code import loaded

log = logging.getLogger(__name__)

SOURCE = Path(__file__).with_name("kernels.cpp")
BORDERS = {"nothing": 0, "mirror": 1, "mixed": 2}
RADII = 9


class Map(ctypes.Structure):
    """A map that is read and one of the same size that is written, as the source has them."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("count", "height", "width", "channels", "half", "threads")),
        ("x", ctypes.c_void_p), ("y", ctypes.c_void_p),
    ]  # fmt: skip


class Warp(ctypes.Structure):
    """What `resample` is to do."""

    _fields_ = [
        ("map", Map), ("px", ctypes.c_void_p), ("py", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("px_row", "px_column", "py_row", "py_column")),
        *((name, ctypes.c_float) for name in ("edge", "finest", "farthest")),
        ("border", ctypes.c_int32),
        *((name, ctypes.c_int64) for name in ("rows", "columns")),
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


class Kernels:
    """The library, once there is one. `prepare` from any thread; one that failed is not tried again."""

    def __init__(self) -> None:
        self.library: ctypes.CDLL | None = None
        self.problem = ""
        self._lock = threading.Lock()

    def prepare(self) -> bool:
        """Compile and load: whether it can be used; `problem` says why not. Not on the frame path."""
        with self._lock:
            if self.library is None and not self.problem:
                try:
                    library = loaded(SOURCE, "resample")
                except (OSError, subprocess.SubprocessError) as error:
                    self.problem = str(error)
                    log.info("bends play without their compiled kernels: %s", error)
                    return False
                for work in (library.resample, library.average_bins, library.extremum):
                    work.argtypes, work.restype = [ctypes.c_void_p], None
                library.bound.argtypes, library.bound.restype = [ctypes.c_void_p, ctypes.c_float], None
                self.library = library
        return self.library is not None


KERNELS = Kernels()


def prepare() -> bool:
    """Compile and load the kernels if they never were: seconds the first time on a machine. Not on the frame path."""
    return KERNELS.prepare()


def resample(
    x: Tensor, px: Tensor, py: Tensor, edge: Tensor | float, border: str, finest: float, farthest: float
) -> Tensor | None:
    """`warp.resample` on the processor, to as many rows and columns as there are places; None where that cannot be."""
    if KERNELS.library is None or not _able(x) or px.dtype != torch.float32 or py.dtype != torch.float32:
        return None
    x = x.contiguous(memory_format=torch.channels_last)
    rows, columns = max(px.shape[0], py.shape[0]), max(px.shape[1], py.shape[1])
    made = _empty(x, rows, columns)
    job = Warp(
        _map(x, made), px.data_ptr(), py.data_ptr(), *_steps(px), *_steps(py), float(edge), finest, farthest,
        BORDERS[border], rows, columns,
    )  # fmt: skip
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


def bound(x: Tensor, limit: float) -> bool:
    """NaN becomes 0 and what lies beyond +-limit the limit, in place; False where that cannot be done here."""
    if KERNELS.library is None or not _able(x):
        return False
    if not (x.is_contiguous(memory_format=torch.channels_last) or x.is_contiguous()):
        return False
    job = _map(x, x)
    KERNELS.library.bound(ctypes.addressof(job), float(torch.tensor(limit, dtype=x.dtype)))
    return True


def _able(x: Tensor) -> bool:
    kind = x.dtype in (torch.float32, torch.bfloat16)
    return kind and x.device.type == "cpu" and not (x.requires_grad and torch.is_grad_enabled())


def _empty(x: Tensor, rows: int, columns: int) -> Tensor:
    shape = (*x.shape[:2], rows, columns)
    return torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last)


def _map(x: Tensor, y: Tensor) -> Map:
    n, c, h, w = x.shape
    return Map(n, h, w, c, x.dtype == torch.bfloat16, torch.get_num_threads(), x.data_ptr(), y.data_ptr())


def _steps(p: Tensor) -> tuple[int, int]:
    """The strides of places [1 or H, 1 or W]; 0 along what is only one."""
    return tuple(0 if size == 1 else step for size, step in zip(p.shape, p.stride(), strict=True))  # type: ignore[return-value]
