"""Where what can be made again is kept: converted models, compiled forms, compiled kernels. Touches nothing."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder(kind: str) -> Path:
    """The folder for one kind of things; it need not be there yet.

    `$PERFORM_CACHE`, else `perform` in the user's cache folder (XDG_CACHE_HOME, on Windows LOCALAPPDATA).
    """
    if own := os.environ.get("PERFORM_CACHE"):
        return Path(own) / kind
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "perform" / kind
