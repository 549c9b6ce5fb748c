"""Figures for people and for machines: `table` prints rows, `write_json` keeps them with what they were made on."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perform.engine.clock import date
from perform.engine.problems import UserError

Row = dict[str, Any]


def table(rows: Sequence[Row]) -> str:
    """Rows as aligned columns, a single row or rows of different kinds as lines; numbers to four places."""
    if not rows:
        return "nothing measured"
    if any(row.keys() != rows[0].keys() for row in rows) or len(rows) == 1:
        return "\n\n".join("\n".join(f"{name:28} {_shown(value)}" for name, value in row.items()) for row in rows)
    names = list(rows[0])
    cells = [names] + [[_shown(row[name]) for name in names] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells)


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def machine() -> Row:
    """What the figures were made on."""
    packages = ("torch", "numpy", "moderngl", "librosa", "perform")
    versions = {}
    for name in packages:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "absent"
    return {
        "date": date(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **versions,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def write_json(path: Path, name: str, rows: Sequence[Row]) -> None:
    """The same figures as the table, with machine, versions and command. Raises UserError when the disk refuses."""
    command = " ".join(["perform", *sys.argv[1:]])
    try:
        path.write_text(
            json.dumps({"bench": name, "command": command, "machine": machine(), "rows": list(rows)}, indent=1)
        )
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error
