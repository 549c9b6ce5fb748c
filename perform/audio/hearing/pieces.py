"""Annotated music: a folder of WAV or FLAC files with a JSON file beside each."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perform.engine.problems import UserError

Times = NDArray[np.float64]

DRUMS = ("kick", "snare", "hat")
SUFFIXES = (".wav", ".flac")


@dataclass(frozen=True, slots=True)
class Piece:
    """A sound file and what happens in it, in seconds from its start: beats, first beats of bars, drum hits."""

    path: Path
    beats: Times
    downbeats: Times
    onsets: dict[str, Times] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def hits(self) -> Times:
        """All drum hits, those that fall together (within 20 ms) as one."""
        every = np.sort(np.concatenate([np.zeros(0), *self.onsets.values()]))
        kept: list[float] = []
        for time in every:
            if not kept or time - kept[-1] > 0.02:
                kept.append(float(time))
        return np.array(kept)


def pieces_of(folder: Path) -> list[Piece]:
    """The annotated pieces of a folder, by name.

    Raises UserError where there is no such folder, nothing annotated in it, or an annotation that is not one.
    """
    if not folder.is_dir():
        raise UserError(f'there is no folder "{folder}"; give one with WAV or FLAC files and a JSON file beside each')
    sounds = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    found = [_piece(path, path.with_suffix(".json")) for path in sounds if path.with_suffix(".json").is_file()]
    if not found:
        raise UserError(
            f'nothing in "{folder}" is annotated: put NAME.json beside NAME.wav or NAME.flac, such as '
            '{"beats": [0.5, 1.0], "downbeats": [0.5], "onsets": {"kick": [0.5], "snare": [1.0], "hat": []}}'
        )
    return found


def _piece(sound: Path, notes: Path) -> Piece:
    try:
        said = json.loads(notes.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f'the annotation "{notes}" cannot be read: {error}') from error
    if not isinstance(said, dict):
        raise UserError(f'the annotation "{notes}" must be an object with "beats"')
    hits = said.get("onsets") or {}
    if not isinstance(hits, dict):
        raise UserError(f'"onsets" in "{notes}" must name drums: {{"kick": [...], "snare": [...], "hat": [...]}}')
    return Piece(
        sound,
        _times(said.get("beats"), "beats", notes),
        _times(said.get("downbeats"), "downbeats", notes),
        {drum: _times(hits.get(drum), f"onsets.{drum}", notes) for drum in DRUMS},
    )


def _times(values: Any, key: str, notes: Path) -> Times:
    try:
        times = np.sort(np.asarray(values if values is not None else [], np.float64))
    except (TypeError, ValueError):
        times = np.array([np.nan])
    if times.ndim != 1 or not np.isfinite(times).all() or (times < 0).any():
        raise UserError(f'"{key}" in "{notes}" must be a list of times in seconds, 0 or later')
    return times
