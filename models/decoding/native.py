"""`raise.cpp` as machine code. Where it is not there (no compiler, maps on a card or of a type that it does not know)
the caller goes torch's way to the same result.
"""

from __future__ import annotations

import ctypes
import logging
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from models.machine_code import loaded

log = logging.getLogger(__name__)


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


class Kernel:
    """The functions, once they are there. `prepare` from any thread; what failed is not tried again."""

    def __init__(self) -> None:
        self.call: Callable[[int], None] | None = None
        self.add: Callable[[int], None] | None = None
        self.problem = ""
        self._lock = threading.Lock()

    def prepare(self) -> bool:
        """Compile and load them: seconds, once on a machine. Whether they can be used; `problem` says why not."""
        with self._lock:
            if self.call is None and not self.problem:
                try:
                    library = loaded(Path(__file__).with_name("raise.cpp"), "add_noise")
                    for function in (library.raise_neurons, library.add_noise):
                        function.argtypes, function.restype = [ctypes.c_void_p], None
                    self.call, self.add = library.raise_neurons, library.add_noise
                except (OSError, subprocess.SubprocessError) as error:
                    self.problem = str(error)
                    log.info("decoding plays without its compiled kernel: %s", error)
        return self.call is not None


KERNEL = Kernel()


def raised(x: Tensor, job: Job, side: int) -> Tensor | None:
    """x [N, C, H, W] with the neurons of `job` raised, as a new tensor; None where that cannot be done here.

    The tensors that `job` points to are float32 on the processor and outlive the call.
    """
    able = x.device.type == "cpu" and x.dtype in (torch.float32, torch.bfloat16)
    if KERNEL.call is None or not able or not x.is_contiguous(memory_format=torch.channels_last):
        return None
    y = torch.empty_like(x)
    job.count, job.channels, job.height, job.width = x.shape
    job.down, job.across = max(1, x.shape[2] // side), max(1, x.shape[3] // side)
    job.half, job.x, job.y = x.dtype == torch.bfloat16, x.data_ptr(), y.data_ptr()
    KERNEL.call(ctypes.addressof(job))
    return y


def sum_with(noise: Tensor) -> Sum:
    """A job for `noisy`; `noise` [1, C, H, W] outlives it."""
    return Sum(numbers=noise.numel(), half=noise.dtype == torch.bfloat16, noise=noise.data_ptr())


def noisy(x: Tensor, noise: Tensor, job: Sum) -> Tensor | None:
    """x [N, C, H, W] plus `job.strength` times `noise`, which is of x's type and layout, as a new tensor, rounded as
    torch rounds it; None where that cannot be done here.
    """
    able = x.device.type == "cpu" and x.dtype in (torch.float32, torch.bfloat16) and noise.dtype == x.dtype
    if KERNEL.add is None or not able or noise.shape[1:] != x.shape[1:]:
        return None
    if not all(t.is_contiguous(memory_format=torch.channels_last) for t in (x, noise)):
        return None
    y = torch.empty_like(x)
    job.count, job.threads, job.x, job.y = len(x), torch.get_num_threads(), x.data_ptr(), y.data_ptr()
    KERNEL.add(ctypes.addressof(job))
    return y
