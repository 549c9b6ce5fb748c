"""Where compiled forms are kept: one folder each, under a name made of all that they depend on.

A folder appears whole or not at all: it is made
beside and renamed. What is in it is machine code made on this machine for this user; it is never copied elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from models.cache import cache_folder
from models.forms import Unavailable

SOURCES = ("build.py", "graph.py", "onednn.py", "pack.py")  # how a form is made


def folder_of(request: dict[str, Any]) -> Path:
    """Where the form of this request is or would be: by topology, precision, cuts, torch, processor and our source."""
    import torch

    processor = [platform.machine(), torch.backends.cpu.get_cpu_capability(), _processor_flags()]
    parts = [request, torch.__version__, sys.platform, processor, _source(request["architecture"])]
    mark = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]
    return cache_folder("forms") / f"{request['architecture']}-{request['dtype']}-{mark}"


def _processor_flags() -> str:
    """What code made for this very processor may use, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


def _source(architecture: str) -> str:
    """A hash of the code that makes the graph: ours, the architecture's file and the folders that it speaks of."""
    own, networks = Path(__file__).parent, Path(__file__).parents[1] / "generators"
    file = networks / f"{architecture}.py"
    text = file.read_text(encoding="utf-8")
    beside = [path for path in sorted(networks.glob("*/*.py")) if path.parent.name in text]
    total = hashlib.sha256()
    for path in [*(own / name for name in SOURCES), file, *beside]:
        total.update(path.read_bytes())
    return total.hexdigest()


def sweep(beside: Path) -> None:
    """Remove what compilers left that were killed: folders like the new one `beside`, an hour older than it."""
    now = beside.stat().st_mtime
    for left in beside.parent.glob("part-*"):
        with suppress(OSError):
            if left.stat().st_mtime < now - 3600:
                shutil.rmtree(left)


def make_room() -> Path:
    """The root, made for this user alone. Raises Unavailable if that cannot be, or if it is another user's."""
    place = cache_folder("forms")
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = place.stat().st_uid
    except OSError as error:
        raise Unavailable(
            f"compiled forms cannot be kept in {place} ({error.strerror}); set PERFORM_CACHE to a folder of yours"
        ) from error
    if hasattr(os, "getuid") and owner != os.getuid():
        raise Unavailable(f"{place} belongs to another user; set PERFORM_CACHE to a folder of yours")
    return place
