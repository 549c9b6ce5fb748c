"""The filtered nonlinearity as machine code: `filtered_lrelu.cpp`, compiled once on this machine, kept in the cache.

Four fifths of a StyleGAN3's time on a processor go into its filters if they are a chain of torch's operators; in one
hand-written pass it is a fifth. `prepare` compiles (two seconds) and loads it, off the frame path; from then on every
network uses it, one that was traced before too, because what is called is one operator of torch. Without a compiler
everything works as before, only slower.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.cache import cache_folder

log = logging.getLogger(__name__)

SOURCE = Path(__file__).with_name("filtered_lrelu.cpp")
FLAGS = ["-O3", "-std=c++17", "-shared", "-fPIC", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math"]
# The processor's own instructions and all its cores, where the compiler knows the words; else as far as it goes.
MORE: tuple[list[str], ...] = (
    ["-march=native", "-fopenmp"],
    ["-mcpu=native", "-fopenmp"],
    ["-fopenmp"],
    ["-march=native"],
    [],
)
COMPILE_SECONDS = 120.0  # a compiler that takes longer hangs
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


class Kernel:
    """The compiled function, once there is one. `call` may be asked from any thread, `prepare` too."""

    def __init__(self) -> None:
        self.call: Callable[[int], int] | None = None
        self.problem = "not asked for yet"
        self._lock = threading.Lock()

    def prepare(self) -> bool:
        """Compile it if it never was and load it: seconds at first, then a millisecond. False and `problem` if not."""
        with self._lock:
            if self.call is None:
                try:
                    function = _loaded(_compiled())
                except (OSError, subprocess.SubprocessError) as error:
                    self.problem = str(error)
                    log.info("StyleGAN3 plays without its compiled filters: %s", error)
                    return False
                function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_int
                self.call, self.problem = function, ""
        return True


KERNEL = Kernel()


def prepare(wait: bool = True) -> bool:
    """Compile and load the kernel: here (seconds, the first time on a machine), or in a thread of its own.

    Not on the frame path. Whether it can be used now; the log says why not.
    """
    if KERNEL.call is None and not wait:
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
    if KERNEL.call is None or not 0 <= slope <= 1:
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
    return y.to(wanted) if KERNEL.call(ctypes.addressof(job)) else None


def result_size(size: tuple[int, int], up_taps: int, down_taps: int, rates: Sequence[int]) -> tuple[int, int]:
    """(height, width) after the nonlinearity of a map of `size` before it."""
    up, down, x0, x1, y0, y1 = rates
    height, width = (
        (length * up + pad - up_taps - down_taps + 1) // down + 1
        for length, pad in zip(size, (y0 + y1, x0 + x1), strict=True)
    )
    return height, width


def _loaded(library: Path) -> Any:
    """The function in the library. OSError if it is damaged; then it is taken away, to be compiled anew next time."""
    try:
        return ctypes.CDLL(str(library)).filtered_lrelu
    except (OSError, AttributeError) as error:
        library.unlink(missing_ok=True)
        raise OSError(f"{library} is damaged ({error}) and was taken away; it is made anew next time") from error


def _compiled() -> Path:
    """The library's place in the cache, compiled if it is not there. OSError says why there is none."""
    compiler = next(filter(None, map(shutil.which, (os.environ.get("CXX", ""), "g++", "clang++"))), None)
    if compiler is None:
        raise OSError("no C++ compiler; install g++")
    mark = hashlib.sha256(SOURCE.read_bytes() + repr([compiler, FLAGS, _processor()]).encode()).hexdigest()[:24]
    folder = cache_folder("kernels")
    library = folder / f"filtered_lrelu-{mark}.so"
    if library.is_file():
        return library
    folder.mkdir(parents=True, exist_ok=True)
    gently = ["nice", "-n", "10"] if shutil.which("nice") else []
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        made, said = Path(scratch) / "made.so", ""
        for more in MORE:
            command = [*gently, compiler, *FLAGS, *more, str(SOURCE), "-o", str(made)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_SECONDS, check=False)
            if done.returncode == 0:
                made.replace(library)  # in one step: another process never sees half of it
                return library
            said = said or done.stderr.strip()
    raise OSError(f"{compiler} could not compile it: {said[:400]}")


def _processor() -> str:
    """What code for this very processor may use, where the system tells."""
    words = [platform.machine(), sys.platform, platform.processor()]
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        words += [line for line in cpuinfo.read_text().splitlines() if line.startswith(("flags", "Features"))][:1]
    return " ".join(words)
