"""What the ear hears as text: bars for a terminal, lines for anything else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from perform.audio.features.key import key_name
from perform.audio.features.pitch import hertz_of

CYAN, AMBER, DIM, PLAIN = "\x1b[36m", "\x1b[33m", "\x1b[2m", "\x1b[0m"
NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
WIDE = 34  # letters of a column
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def bar(value: float, width: int, *, plain: bool = False) -> str:
    """A bar of `width` letters for 0..1; `plain` uses ASCII only."""
    value = min(max(value, 0.0), 1.0) if math.isfinite(value) else 0.0
    if plain:
        full = round(value * width)
        return "#" * full + "." * (width - full)
    eighths = round(value * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)


def note(pitch: float, confidence: float) -> str:
    """The name of the note that `audio.pitch` means, "A4", or nothing where there is none."""
    if confidence < 0.6 or pitch <= 0.0:
        return "-"
    midi = round(69 + 12 * math.log2(hertz_of(pitch) / 440.0))
    return f"{NAMES[midi % 12]}{midi // 12 - 1}"


def summary(values: Mapping[str, float]) -> str:
    """Loudness, tempo, key and note in words."""
    get = values.get
    lufs = get("audio.loudness.raw", 0.0) * 60.0 - 60.0
    key = key_name(get("audio.key", 0.0), get("audio.key.major", 0.0)) if get("audio.key.confidence", 0.0) > 0 else "-"
    tone = note(get("audio.pitch", 0.0), get("audio.pitch.confidence", 0.0))
    loud = f"{lufs:5.1f} LUFS" if lufs > -60.0 else "  silent  "
    return f"{loud}  {get('beat.bpm', 0.0):5.1f} bpm  {key:8}  {tone:3}"


def line(values: Mapping[str, float], pulses: Sequence[str], time: float) -> str:
    """One line for a log: the summary, the main levels, and what struck since the last line."""
    levels = " ".join(f"{name} {values.get(f'audio.{name}', 0.0):.2f}" for name in ("rms", "low", "mid", "high"))
    struck = " ".join(dict.fromkeys(name.removeprefix("audio.") for name in pulses))
    return f"{time:8.1f} s  {summary(values)}  {levels}  {struck}".rstrip()


def frame(
    title: str, values: Mapping[str, float], pulses: frozenset[str], size: tuple[int, int], *, plain: bool = False
) -> list[str]:
    """A screen of bars in as many columns as fit into `size` (columns, rows); one line each, with colours."""
    width, height = size
    names = [name for name in values if not name.endswith(".raw") and name not in ("beat.bpm", "bar.beats")]
    columns = max(1, width // WIDE)
    rows = max(1, height - 3)
    names = names[: rows * columns]
    rows = math.ceil(len(names) / columns) if names else 0
    cells = [_cell(name, values, name in pulses, plain=plain) for name in names]
    body = ["".join(cells[row + column * rows] for column in range(columns) if row + column * rows < len(cells))
            for row in range(rows)]  # fmt: skip
    return [f"{title}  {summary(values)}"[:width], "", *body]


def _cell(name: str, values: Mapping[str, float], struck: bool, *, plain: bool) -> str:
    raw = values.get(f"{name}.raw")
    beside = f" {raw:.2f}" if raw is not None else "     "
    colour = AMBER if struck else CYAN
    label = f"{DIM if values[name] <= 0 else ''}{name.removeprefix('audio.')[:15]:<15}{PLAIN}"
    return f"{label}{colour}{bar(values[name], 12, plain=plain)}{PLAIN}{beside}  "
