"""The checks of divergent training, each over several trainings: what `perform study divergence` runs.

A row is one file here with the checks of one method (METHODS.md), named after it: `t1.py` is T1. It has

    ABOUT         one line: the method and what is looked for
    SUBSTITUTE    what stands for what ("circles and stars drawn by program for two sets of photographs"), or ""
    SETTINGS      all that decides a number and can be chosen; with other settings a kept result is not used again
    run(seed, folder, quick) -> dict    one training and what was measured on it, as JSON can hold it
    verdict(runs) -> tuple[Check, ...]  the checks over the seeds

`run` may keep anything in `folder`, which is its seed's own, and go on there after an interruption. "pictures" in its
result maps captions to PNG files in that folder. `quick` is for tests: everything small, no number meant. To add a row
is to add its file. Thresholds are never loosened; settings are free until the final run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any, Protocol, cast

Run = Mapping[str, Any]


@dataclass(frozen=True)
class Check:
    """One line of a row's table."""

    what: str  # "Spearman of P(Q) against the step"
    wanted: str  # ">= 0.9"
    found: str  # "0.97 (0.95-0.99), 5 of 5"
    holds: bool


class Row(Protocol):
    """What a file of this folder holds."""

    ABOUT: str
    SUBSTITUTE: str
    SETTINGS: Mapping[str, Any]

    def run(self, seed: int, folder: Path, quick: bool) -> dict[str, Any]:
        """One seed."""

    def verdict(self, runs: Sequence[Run]) -> tuple[Check, ...]:
        """The checks over all seeds."""


def rows() -> tuple[str, ...]:
    """The names of the rows here. Imports nothing."""
    files = Path(__file__).parent.glob("*.py")
    return tuple(sorted(f.stem for f in files if "\ndef verdict(" in f.read_text(encoding="utf-8")))


def row(name: str) -> Row:
    """The row of that name; KeyError names those there are."""
    if name not in rows():
        raise KeyError(f"no study {name!r}; there are {', '.join(rows())}")
    return cast("Row", import_module(f"{__name__}.{name}"))


def over_seeds(
    runs: Sequence[Run], what: str, wanted: str, value: Callable[[Run], float], holds: Callable[[float], bool]
) -> Check:
    """A check that every seed must pass: the median, the span, and in how many it holds."""
    values = [float(value(run)) for run in runs]
    passed = sum(holds(v) for v in values)
    span = f" ({min(values):.3g} to {max(values):.3g})" if len(values) > 1 else ""
    return Check(what, wanted, f"{median(values):.3g}{span}, {passed} of {len(values)}", passed == len(values))


def at_least(runs: Sequence[Run], what: str, key: str, bound: float) -> Check:
    """`key` of every run is at least `bound`."""
    return over_seeds(runs, what, f">= {bound:g}", lambda run: run[key], lambda v: v >= bound)


def at_most(runs: Sequence[Run], what: str, key: str, bound: float) -> Check:
    """`key` of every run is at most `bound`."""
    return over_seeds(runs, what, f"<= {bound:g}", lambda run: run[key], lambda v: v <= bound)


def true_in_all(runs: Sequence[Run], what: str, key: str) -> Check:
    """`key` of every run is true."""
    passed = sum(bool(run[key]) for run in runs)
    return Check(what, "in every run", f"{passed} of {len(runs)}", passed == len(runs))
