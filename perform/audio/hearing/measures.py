"""The figures of `perform study hearing`, by the definitions of mir_eval (Raffel et al. 2014) where it has one."""

from __future__ import annotations

from typing import Any

import numpy as np

from perform.audio.hearing.live import Heard
from perform.audio.hearing.pieces import DRUMS, Piece, Times

KEYS = (
    "beat_f", "cmlt", "amlt", "acc1", "acc2", "lead_ms_median", "lead_ms_sd", "lock_s", "onset_f", "kick_f", "snare_f",
    "hat_f", "onset_latency_ms_median", "onset_latency_ms_p95", "downbeat_f", "cpu_percent", "hop_ms_p99",
)  # fmt: skip
MEDIANS = frozenset({"lead_ms_median", "lock_s", "onset_latency_ms_median"})

BEAT_WINDOW, ONSET_WINDOW = 0.07, 0.05
TRIM = 5.0  # seconds at the start that do not count for beats, as mir_eval does
LOCKED = 4  # beats in a row that are right: from the first of them on the beat is found

Score = dict[str, float]


def score(piece: Piece, heard: Heard) -> Score:
    """All figures of one piece; a figure for which the piece has no annotation is left out.

    `lead_ms_*` are how late (positive) or early beats were announced, of those that meet one; `lock_s` is the first of
    four annotated beats in a row that were each announced with no other beat between, the whole length if there is
    none; `onset_f` is of `audio.onset` against all drum hits; onsets count at the moment at which they were reported.
    """
    figures: Score = {}
    if len(piece.beats) > 1:
        figures |= beat_scores(piece.beats, heard.beats)
        figures |= tempo_scores(piece.beats, heard.times, heard.bpm)
        figures |= leads(piece.beats, heard.beats)
        figures["lock_s"] = lock(piece.beats, heard.beats, heard.seconds)
    if len(piece.hits):
        figures |= onset_scores(piece, heard)
    if len(piece.downbeats) > 1 and heard.downbeats is not None:
        figures["downbeat_f"] = beat_f(piece.downbeats, heard.downbeats)
    figures["cpu_percent"] = heard.cpu_percent
    if len(heard.cost) > 1:
        figures["hop_ms_p99"] = float(np.percentile(heard.cost, 99) * 1e3)
    return figures


def beat_f(reference: Times, estimate: Times) -> float:
    """F measure of beats within 70 ms, without the first five seconds."""
    import mir_eval

    there, said = _trim(reference), _trim(estimate)
    return float(mir_eval.beat.f_measure(there, said, BEAT_WINDOW)) if len(there) and len(said) else 0.0


def beat_scores(reference: Times, estimate: Times) -> Score:
    """F, and the shares of the time in which the beat is right and goes on being right, at any octave (AMLt) or not."""
    import mir_eval

    there, said = _trim(reference), _trim(estimate)
    _, cmlt, _, amlt = mir_eval.beat.continuity(there, said) if len(there) > 1 and len(said) > 1 else (0, 0, 0, 0)
    return {"beat_f": beat_f(reference, estimate), "cmlt": float(cmlt), "amlt": float(amlt)}


def tempo_scores(reference: Times, times: Times, bpm: Times) -> Score:
    """Whether the usual tempo is right within 4 %, and right but for a factor of 2 or 3 (Gouyon et al. 2006)."""
    true = 60.0 / float(np.median(np.diff(reference)))
    late = bpm[times > TRIM]
    said = float(np.median(late if len(late) else bpm)) if len(bpm) else 0.0

    def near(factor: float) -> bool:
        return abs(said / (true * factor) - 1.0) <= 0.04

    return {"acc1": float(near(1.0)), "acc2": float(any(near(factor) for factor in (1.0, 2.0, 0.5, 3.0, 1 / 3)))}


def leads(reference: Times, estimate: Times) -> Score:
    """How late announced beats are, in milliseconds, of those that meet a beat."""
    late = np.array([said - _nearest(reference, said) for said in _trim(estimate)])
    late = late[np.abs(late) <= BEAT_WINDOW] * 1e3
    if not len(late):
        return {}
    return {"lead_ms_median": float(np.median(late)), "lead_ms_sd": float(late.std())}


def lock(reference: Times, estimate: Times, seconds: float) -> float:
    """When the beat is found from a cold start (seconds)."""
    right = np.array(
        [bool(len(estimate)) and abs(_nearest(estimate, beat) - beat) <= BEAT_WINDOW for beat in reference]
    )
    for first in range(len(reference) - LOCKED + 1):
        if right[first : first + LOCKED].all():
            low, high = reference[first] - BEAT_WINDOW, reference[first + LOCKED - 1] + BEAT_WINDOW
            if int(((estimate >= low) & (estimate <= high)).sum()) == LOCKED:
                return float(reference[first])
    return seconds


def onset_scores(piece: Piece, heard: Heard) -> Score:
    """F of onsets and of each drum within 50 ms, and how late they are reported."""
    import mir_eval

    figures: Score = {}
    late: list[float] = []
    for key, truth in (("onset", piece.hits), *((drum, piece.onsets[drum]) for drum in DRUMS)):
        said = heard.onsets.get(key)
        if said is None or not len(truth):
            continue
        found = mir_eval.onset.f_measure(truth, said, window=ONSET_WINDOW)[0] if len(said) else 0.0
        figures[f"{key}_f"] = float(found)
        if key == "onset" and len(said):
            pairs: list[tuple[int, int]] = mir_eval.util.match_events(truth, said, ONSET_WINDOW)
            late += [1e3 * float(said[b] - truth[a]) for a, b in pairs]
    if late:
        figures["onset_latency_ms_median"] = float(np.median(late))
        figures["onset_latency_ms_p95"] = float(np.percentile(late, 95))
    return figures


def mean_of(scores: list[Score]) -> dict[str, float | None]:
    """One line for many pieces: the mean, and the median where the figure is a median or a time to wait for."""
    line: dict[str, float | None] = {}
    for key in KEYS:
        values = [figures[key] for figures in scores if key in figures]
        line[key] = float((np.median if key in MEDIANS else np.mean)(values)) if values else None
    return line


def _trim(times: Times) -> Times:
    return times[times >= TRIM]


def _nearest(times: Times, time: float) -> float:
    return float(times[np.abs(times - time).argmin()])


def rounded(figures: dict[str, Any]) -> dict[str, Any]:
    """The same with four digits after the point, for reading."""
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in figures.items()}
