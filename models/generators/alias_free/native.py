"""The filtered nonlinearity as machine code: `filtered_lrelu.cpp`, compiled once on this machine, kept in the cache.

Four fifths of a StyleGAN3's time on a processor go into its filters if they are a chain of torch's operators; in one
hand-written pass it is a fifth. `prepare` compiles (two seconds) and loads it, off the frame path; from then on every
network uses it, one that was traced before too, because what is called is one operator of torch. Without a compiler
everything works as before, only slower.
"""

from __future__ import annotations

import ctypes
import math
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from models.machine_code import MachineCode, loaded

SOURCE = Path(__file__).with_name("filtered_lrelu.cpp")
NO_CLAMP = 3.0e38


class Size(ctypes.Structure):
    """A map, channels-last: `Size` of the source."""

    _fields_ = [(name, ctypes.c_int64) for name in ("count", "height", "width", "channels")]


class Job(ctypes.Structure):
    """One call, field by field as the source has it."""

    _fields_ = [
        ("taken", Size), ("given", Size),
        *((name, ctypes.c_int64) for name in ("up", "down", "up_taps", "down_taps", "radial", "half")),
        *((name, ctypes.c_int64) for name in ("pad_x", "pad_y", "threads")),
        *((name, ctypes.c_float) for name in ("gain", "slope", "clamp")),
        *((name, ctypes.c_void_p) for name in ("rise", "fall", "x", "y")),
    ]  # fmt: skip


Filters = Callable[[int], int]  # the address of a job; 0 if it cannot be done


def _library() -> Filters:
    function: Filters = loaded(SOURCE, SOURCE.stem).filtered_lrelu
    function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_int  # type: ignore[attr-defined]
    return function


KERNEL = MachineCode(_library, "StyleGAN3 plays without its compiled filters")


def prepare(wait: bool = True) -> bool:
    """Compile and load the kernel: here (seconds, the first time on a machine), or in a thread of its own.

    Not on the frame path. Whether it can be used now; the log says why not.
    """
    if KERNEL.library is None and not wait:
        threading.Thread(target=KERNEL.prepare, name="filtered_lrelu", daemon=True).start()
        return False
    return KERNEL.prepare()


def compute(
    x: Tensor,
    up_filter: Tensor,
    down_filter: Tensor,
    rates: Sequence[int],
    gain: float,
    slope: float,
    clamp: float | None,
) -> Tensor | None:
    """`filtered_lrelu` on the processor, `rates` being up, down, x0, x1, y0, y1; None if this cannot be done here."""
    if KERNEL.library is None or not 0 <= slope <= 1:
        return None
    up, down, x0, _, y0, _ = rates
    wanted = x.dtype
    x = x if wanted in (torch.float32, torch.bfloat16) else x.float()
    x = x.contiguous(memory_format=torch.channels_last)
    rise, fall = up_filter.float().contiguous(), down_filter.float().contiguous()
    count, channels, height, width = x.shape
    rows, columns = result_size((height, width), len(rise), len(fall), rates)
    y = torch.empty([count, channels, rows, columns], dtype=x.dtype, memory_format=torch.channels_last)
    job = Job(
        Size(count, height, width, channels), Size(count, rows, columns, channels),
        up, down, len(rise), len(fall), fall.ndim == 2, x.dtype == torch.bfloat16,
        x0, y0, torch.get_num_threads(),
        up * math.sqrt(gain), slope, NO_CLAMP if clamp is None else clamp,
        rise.data_ptr(), fall.data_ptr(), x.data_ptr(), y.data_ptr(),
    )  # fmt: skip
    return y.to(wanted) if KERNEL.library(ctypes.addressof(job)) else None


def result_size(size: tuple[int, int], up_taps: int, down_taps: int, rates: Sequence[int]) -> tuple[int, int]:
    """(height, width) after the nonlinearity of a map of `size` before it."""
    up, down, x0, x1, y0, y1 = rates
    height, width = (
        (length * up + pad - up_taps - down_taps + 1) // down + 1
        for length, pad in zip(size, (y0 + y1, x0 + x1), strict=True)
    )
    return height, width
