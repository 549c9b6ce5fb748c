"""Foreign formats, one file each; the folder is the registry.

A file here has `ABOUT` (one line), `matches(value) -> bool` (whether what a container held is of this format) and
`read(value) -> Converted` (raises Refused, and nothing else). To add a format is to add its file and one small file by
the program that writes it to tests/golden/official.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any


@cache
def formats() -> tuple[Any, ...]:
    """The modules of this folder."""
    return tuple(import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
