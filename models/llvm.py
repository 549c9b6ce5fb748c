"""Two LLVMs in one process: Triton's, and the one that Mesa draws with.

Triton comes with torch for NVIDIA cards, and torch imports it wherever it thinks of compiling. Its library holds a
whole LLVM whose names the system's own LLVM has, too; where Mesa loaded that one first (software GL, Intel and AMD
cards), the linker binds one to the other and importing Triton ends the program (SIGSEGV; Triton 3.7 beside Mesa 22.3's
LLVM 15). Loaded once so that it looks for its names in itself first, it is at peace, whoever imports it later.
"""

from __future__ import annotations

import ctypes
import logging
import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path

log = logging.getLogger("models")


@cache
def keep_apart() -> None:
    """Load Triton's library, if it is installed, in the way that it bears company: a tenth of a second, once. Before
    anything that may import Triton; not on the frame path. Any thread.
    """
    spec = find_spec("triton")
    if spec is None or spec.origin is None or not hasattr(os, "RTLD_DEEPBIND"):
        return
    for library in sorted(Path(spec.origin).parent.glob("_C/libtriton*.so")):
        try:
            ctypes.CDLL(str(library), mode=os.RTLD_NOW | os.RTLD_LOCAL | os.RTLD_DEEPBIND)
        except OSError as error:  # a Triton that does not load here at all: torch finds out by itself
            log.info("Triton's library is not loaded: %s", error)
