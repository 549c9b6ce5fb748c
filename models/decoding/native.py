"""`raise.cpp` as machine code. Where it is not there (no compiler, maps on a card or of a type that it does not know)
the caller goes torch's way to the same result.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from models.machine_code import MachineCode, loaded


class Job(ctypes.Structure):
    """What the source has, field by field."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("count", "height", "width", "channels", "half", "down", "across")),
        *((name, ctypes.c_void_p) for name in ("x", "y", "shares", "mean", "sigma", "numbers")),
        *((name, ctypes.c_float) for name in ("loud", "least")),
    ]  # fmt: skip


class Sum(ctypes.Structure):
    """What `add_noise` has, field by field."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("count", "numbers", "half", "threads")),
        *((name, ctypes.c_void_p) for name in ("x", "noise", "y")),
        ("strength", ctypes.c_float),
    ]  # fmt: skip


@dataclass(frozen=True)
class Library:
    """The compiled functions; each takes the address of its job."""

    raise_neurons: Callable[[int], None]
    add_noise: Callable[[int], None]


def _library() -> Library:
    functions = loaded(Path(__file__).with_name("raise.cpp"), "add_noise")
    for function in (functions.raise_neurons, functions.add_noise):
        function.argtypes, function.restype = [ctypes.c_void_p], None
    return Library(functions.raise_neurons, functions.add_noise)


KERNELS = MachineCode(_library, "decoding plays without its compiled kernels")


def raised(x: Tensor, job: Job, side: int) -> Tensor | None:
    """x [N, C, H, W] with the neurons of `job` raised, as a new tensor; None where that cannot be done here.

    The tensors that `job` points to are float32 on the processor and outlive the call.
    """
    able = x.device.type == "cpu" and x.dtype in (torch.float32, torch.bfloat16)
    if KERNELS.library is None or not able or not x.is_contiguous(memory_format=torch.channels_last):
        return None
    y = torch.empty_like(x)
    job.count, job.channels, job.height, job.width = x.shape
    job.down, job.across = max(1, x.shape[2] // side), max(1, x.shape[3] // side)
    job.half, job.x, job.y = x.dtype == torch.bfloat16, x.data_ptr(), y.data_ptr()
    KERNELS.library.raise_neurons(ctypes.addressof(job))
    return y


def sum_with(noise: Tensor) -> Sum:
    """A job for `noisy`; `noise` [1, C, H, W] outlives it."""
    return Sum(numbers=noise.numel(), half=noise.dtype == torch.bfloat16, noise=noise.data_ptr())


def noisy(x: Tensor, noise: Tensor, job: Sum) -> Tensor | None:
    """x [N, C, H, W] plus `job.strength` times `noise`, which is of x's type and layout, as a new tensor, rounded as
    torch rounds it; None where that cannot be done here.
    """
    able = x.device.type == "cpu" and x.dtype in (torch.float32, torch.bfloat16) and noise.dtype == x.dtype
    if KERNELS.library is None or not able or noise.shape[1:] != x.shape[1:]:
        return None
    if not all(t.is_contiguous(memory_format=torch.channels_last) for t in (x, noise)):
        return None
    y = torch.empty_like(x)
    job.count, job.threads, job.x, job.y = len(x), torch.get_num_threads(), x.data_ptr(), y.data_ptr()
    KERNELS.library.add_noise(ctypes.addressof(job))
    return y
