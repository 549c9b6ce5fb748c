"""Runs the rows over their seeds, one after another, and keeps each result so that an interrupted study goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from models.studies import Row, row

Progress = Callable[[float, str], None]
KEPT = "result.json"


def study(
    folder: Path, names: Sequence[str], seeds: int = 5, quick: bool = False, progress: Progress | None = None
) -> dict[str, Any]:
    """Every row's runs and verdict. For a command: minutes for each seed of each row, on one core.

    `progress` is called with 0..1 and a few words. A result in `folder` that was made with the same settings is used
    again. KeyError for an unknown row; OSError if the folder cannot be written.
    """
    found: dict[str, Any] = {}
    for place, name in enumerate(names):
        one, runs = row(name), []
        for seed in range(seeds):
            if progress is not None:
                progress((place * seeds + seed) / (len(names) * seeds), f"{name}, seed {seed}")
            runs.append(seed_run(one, name, seed, folder, quick))
        found[name] = judged(one, runs)
    if progress is not None:
        progress(1.0, "done")
    return {"what": "checks of divergent training (METHODS.md) over trainings", "quick": quick, "rows": found}


def seed_run(one: Row, name: str, seed: int, folder: Path, quick: bool) -> dict[str, Any]:
    """One run of a row, or what was kept of it."""
    place = seed_folder(folder, name, seed, quick)
    mark = _mark(one, quick)
    kept = _kept(place / KEPT)
    if kept.get("mark") == mark:
        return dict(kept["run"])
    place.mkdir(parents=True, exist_ok=True)
    made = {"seed": seed, **one.run(seed, place, quick)}
    beside = place / f"{KEPT}.part"
    beside.write_text(json.dumps({"mark": mark, "run": made}, indent=2) + "\n", encoding="utf-8")
    beside.replace(place / KEPT)
    return made


def seed_folder(folder: Path, name: str, seed: int, quick: bool) -> Path:
    """Where a seed of a row keeps what it makes; a quick one apart from a real one."""
    return folder / (f"{name}-quick" if quick else name) / f"seed-{seed}"


def judged(one: Row, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A row's verdict with all that it was made from."""
    checks = one.verdict(runs)
    return {
        "about": one.ABOUT, "substitute": one.SUBSTITUTE, "settings": dict(one.SETTINGS),
        "holds": all(check.holds for check in checks), "checks": [asdict(check) for check in checks],
        "runs": list(runs),
    }  # fmt: skip


def _mark(one: Row, quick: bool) -> str:
    """What a kept result must have been made with."""
    return sha256(json.dumps([dict(one.SETTINGS), quick], sort_keys=True).encode()).hexdigest()[:16]


def _kept(path: Path) -> dict[str, Any]:
    """What was kept; {} if nothing was, or it is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
