"""Threads that give way to the picture."""

from __future__ import annotations

import contextlib
import os
import sys
import threading

NICENESS = 10


def stand_back() -> None:
    """Let the calling thread go last where the system can tell threads apart (Linux)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
