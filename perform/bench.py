"""Benchmarks as commands: `perform bench engine | generator | latency | osc | startup`.

Each gives rows of figures; `table` prints them and `write_json` keeps them with the machine, the versions and the
command that gave them. Machines are noisy: medians and ratios of one run are what counts.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perform.engine.clock import FixedClock, Tick, date, machine_time
from perform.engine.frame import Frame, Request
from perform.engine.loop import Engine
from perform.engine.parameters import Parameters, Values
from perform.engine.patch import Patch, Route
from perform.engine.problems import Problems, UserError
from perform.engine.signals import Event
from perform.engine.worker import InlineWorker

Row = dict[str, Any]


def table(rows: Sequence[Row]) -> str:
    """Rows as aligned columns; numbers with three significant places."""
    if not rows:
        return "nothing measured"
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names] + [[_shown(row.get(name, "")) for name in names] for row in rows]
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


class _Nothing:
    """A stage and a renderer that cost nothing, so that what is measured is the engine."""

    name, device = "nothing", "cpu"

    def draw(self, frame: Frame | None, values: Values, tick: Tick) -> None:
        return None

    def render(self, request: Request) -> Frame:
        return Frame(None, request.tick)


class _Chatter:
    """A source that says every signal anew in each frame."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def poll(self, tick: Tick) -> list[Event]:
        value = (tick.index % 60) / 60
        return [Event(name, value, tick.time) for name in self._names]

    def close(self) -> None:
        return None


def bench_engine(parameters: Parameters, routes: int = 20, frames: int = 3000) -> list[Row]:
    """The engine's own time per frame, outside generator and GL: `routes` routes over the whole tree of parameters."""
    clock, problems = FixedClock(60), Problems()
    worker = InlineWorker(clock, problems)
    worker.install(_Nothing())
    targets = [name for name in parameters.names() if parameters.knob(name).kind == "float"]
    signals = [f"audio.s{i}" for i in range(routes)]
    engine = Engine(
        clock, [_Chatter(signals)], parameters, worker, _Nothing(), direct=lambda _: None, problems=problems
    )
    engine.patch = Patch(
        [Route(name, targets[i % len(targets)], 0.1, "smooth", 0.01, 0.2) for i, name in enumerate(signals)], parameters
    )
    times = []
    for _ in range(frames):
        began = machine_time()
        engine.step()
        times.append((machine_time() - began) * 1e3)
    times.sort()
    return [
        {
            "what": "engine overhead per frame",
            "routes": routes,
            "parameters": len(parameters),
            "median_ms": statistics.median(times),
            "p99_ms": times[int(len(times) * 0.99)],
            "target_ms": 0.5,
        }
    ]
