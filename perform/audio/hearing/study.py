"""All of `perform study hearing`: every piece through the ear and through the peers, and the tables of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from perform.audio.hearing.live import Heard, Treatment, listen
from perform.audio.hearing.measures import KEYS, MEDIANS, Score, mean_of, rounded, score
from perform.audio.hearing.peers import peers
from perform.audio.hearing.pieces import Piece, pieces_of

_HEADS = {
    "lead_ms_median": "late ms", "lead_ms_sd": "sd ms", "lock_s": "lock s", "onset_latency_ms_median": "onset ms",
    "onset_latency_ms_p95": "p95 ms", "cpu_percent": "cpu %", "hop_ms_p99": "hop p99",
}  # fmt: skip


def study_hearing(folder: Path, *, treatment: Treatment | None = None, with_peers: bool = True) -> dict[str, Any]:
    """Measure on the annotated pieces of a folder.

    Gives `mean` (over the pieces; medians for `lead_ms_median`, `lock_s` and `onset_latency_ms_median`), `files` by
    name, and `peers`, each with the same two. Raises UserError where the folder or a piece is not right.
    """
    pieces = pieces_of(folder)
    ours = _measure(pieces, lambda path: listen(path, treatment))
    others = {name: _measure(pieces, peer) for name, peer in peers().items()} if with_peers else {}
    return {**ours, "peers": others}


def _measure(pieces: Sequence[Piece], hear: Callable[[Path], Heard]) -> dict[str, Any]:
    scores: dict[str, Score] = {piece.name: score(piece, hear(piece.path)) for piece in pieces}
    return {
        "mean": rounded(mean_of(list(scores.values()))),
        "files": {name: rounded(figures) for name, figures in scores.items()},
    }


def text(result: dict[str, Any]) -> str:
    """The tables for a terminal: ours by piece, then one line for each peer."""
    rows = [*result["files"].items(), ("mean", result["mean"])]
    rows += [(name, peer["mean"]) for name, peer in result["peers"].items()]
    wide = max(len(name) for name, _ in rows) + 1
    heads = [_HEADS.get(key, key.removesuffix("_f") + (" F" if key.endswith("_f") else "")) for key in KEYS]
    lines = ["".ljust(wide) + " ".join(head.rjust(8) for head in heads)]
    for name, figures in rows:
        if name == "mean":
            lines.append("")
        lines.append(name.ljust(wide) + " ".join(_cell(figures.get(key)) for key in KEYS))
    lines += ["", f"In the mean, these are medians: {', '.join(_HEADS[key] for key in KEYS if key in MEDIANS)}."]
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    if value is None:
        return "-".rjust(8)
    return (f"{value:.3f}" if abs(value) < 2 else f"{value:.1f}").rjust(8)
