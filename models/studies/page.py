"""What a study found, for people: a table of plain text, and a page with pictures (markdown and PNG)."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.studies.runner import seed_folder

WIDE = 118


def table(result: Mapping[str, Any]) -> list[str]:
    """Every row's checks, what was wanted, what was found, and what is a substitute."""
    said = []
    for name, row in result["rows"].items():
        state = "reached" if row["holds"] else "not reached"
        said += ["", f"{name}: {row['about']}", f"  {len(row['runs'])} trainings; {state}"]
        if row["substitute"]:
            said.append(f"  substitute: {row['substitute']}")
        for check in row["checks"]:
            mark = "yes" if check["holds"] else "NO "
            line = f"  {mark} {check['what']}: {check['found']} (wanted {check['wanted']})"
            said += _folded(line)
    if result["quick"]:
        said += ["", "quick: sizes for a test, no number of these means anything"]
    return said[1:]


def _folded(line: str) -> list[str]:
    """A line in parts that fit a terminal."""
    parts = [""]
    for word in line.split(" "):
        if len(parts[-1]) + len(word) > WIDE:
            parts.append("     ")
        parts[-1] += (" " if parts[-1].strip() else "") + word
    return [f"  {part.strip()}" if k == 0 else f"      {part.strip()}" for k, part in enumerate(parts)]


def write(result: Mapping[str, Any], kept: Path, out: Path) -> Path:
    """README.md in `out` with the first seed's pictures beside it, from the folder in which the study kept its runs.

    The page's path. OSError if it cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    said = ["# Divergence: the checks of each method", ""]
    said += [
        "Made by `perform study divergence`. Thresholds stand in each row's own file in `models/studies` and come from",
        "the papers' table of checks; a check holds when *every* training passes it. Of what was found, the first",
        "figure is the median over trainings, then come the least and the most. A row that says *substitute* shows its",
        "method on what stands for the real thing.",
        "",
        "| | method | trainings | checks that hold | |",
        "|---|---|---|---|---|",
    ]
    for name, row in result["rows"].items():
        passed = sum(check["holds"] for check in row["checks"])
        kind = "substitute" if row["substitute"] else ""
        said.append(
            f"| [{name}](#{name}) | {row['about']} | {len(row['runs'])} | {passed} of {len(row['checks'])} | {kind} |"
        )
    for name, row in result["rows"].items():
        said += _section(name, row, kept, out, bool(result["quick"]))
    page = out / "README.md"
    page.write_text("\n".join(said) + "\n", encoding="utf-8")
    return page


def _section(name: str, row: Mapping[str, Any], kept: Path, out: Path, quick: bool) -> list[str]:
    """One row: its checks, its pictures, its settings."""
    said = ["", f"## {name}", "", f"{row['about']}.", ""]
    if row["substitute"]:
        said += [f"Substitute: {row['substitute']}.", ""]
    said += ["| check | wanted | found | |", "|---|---|---|---|"]
    for check in row["checks"]:
        held = "yes" if check["holds"] else "**no**"
        said.append(f"| {check['what']} | {check['wanted']} | {check['found']} | {held} |")
    said += ["", *_numbers(row["runs"])]
    for caption, file in row["runs"][0].get("pictures", {}).items():
        source = seed_folder(kept, name, int(row["runs"][0]["seed"]), quick) / file
        if source.is_file():
            shutil.copy(source, out / f"{name}-{file}")
            said += ["", f"![{caption}]({name}-{file})", "", f"*{caption}*"]
    return said


def _numbers(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The single numbers of every run, a column a seed."""
    keys = [key for key, value in runs[0].items() if key != "seed" and isinstance(value, int | float | bool)]
    if not keys:
        return []
    heads = [f"seed {run['seed']}" for run in runs]
    said = [f"| | {' | '.join(heads)} |", f"|---|{'---|' * len(runs)}"]
    return said + [f"| {key.replace('_', ' ')} | {' | '.join(_short(run.get(key)) for run in runs)} |" for key in keys]


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
