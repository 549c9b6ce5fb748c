"""C++ of ours as machine code: compiled once on this machine, kept in the cache, loaded with ctypes.

What uses it has a way without it, too: a machine need not have a compiler. Nothing here is on the frame path.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from models.cache import cache_folder

T = TypeVar("T")

log = logging.getLogger("models")

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


class MachineCode(Generic[T]):
    """What `load` gives of compiled functions, once it is there, as `library`; `problem` says why it is not, and the
    log says what plays `without` it. What failed is not tried again.
    """

    def __init__(self, load: Callable[[], T], without: str) -> None:
        self.library: T | None = None
        self.problem = ""
        self._load, self._without, self._lock = load, without, threading.Lock()

    def prepare(self) -> bool:
        """Compile and load: seconds, once on a machine; whether it can be used. Any thread, not on the frame path."""
        with self._lock:
            if self.library is None and not self.problem:
                try:
                    self.library = self._load()
                except (OSError, subprocess.SubprocessError) as error:
                    self.problem = str(error)
                    log.info("%s: %s", self._without, error)
        return self.library is not None


def loaded(source: Path, asked: str) -> ctypes.CDLL:
    """The library made of `source`, which has a function `asked`: seconds at first, then a millisecond. Any thread.

    OSError or subprocess.SubprocessError say why there is none. A damaged one is taken away, to be made anew next time.
    """
    library = _compiled(source)
    try:
        made = ctypes.CDLL(str(library))
        getattr(made, asked)
    except (OSError, AttributeError) as error:
        library.unlink(missing_ok=True)
        raise OSError(f"{library} is damaged ({error}) and was taken away; it is made anew next time") from error
    return made


def _compiled(source: Path) -> Path:
    """The library's place in the cache, compiled if it is not there."""
    compiler = next(filter(None, map(shutil.which, (os.environ.get("CXX", ""), "g++", "clang++"))), None)
    if compiler is None:
        raise OSError("no C++ compiler; install g++")
    text = b"".join(part.read_bytes() for part in (source, *sorted(source.parent.glob("*.h"))))
    mark = hashlib.sha256(text + repr([compiler, FLAGS, _processor()]).encode()).hexdigest()[:24]
    folder = cache_folder("kernels")
    library = folder / f"{source.stem}-{mark}.so"
    if library.is_file():
        return library
    folder.mkdir(parents=True, exist_ok=True)
    gently = ["nice", "-n", "10"] if shutil.which("nice") else []
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        made, said = Path(scratch) / "made.so", ""
        for more in MORE:
            command = [*gently, compiler, *FLAGS, *more, str(source), "-o", str(made)]
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
