"""The meter page: every signal as a bar, and what it drives now. Laid out for the whole wall, in columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perform.output.font import Face
from perform.output.quads import AMBER, BRIGHT, CYAN, DIM, FAINT, LEVELS, PAPER, Quads, Size


@dataclass(frozen=True, slots=True)
class Meter:
    """A signal: its name, its value 0..1, and in words what it drives. A `pulse` has the colour of events."""

    name: str
    value: float
    drives: str = ""
    pulse: bool = False


def lay_meters(
    quads: Quads, faces: tuple[Face, ...], size: Size, meters: Sequence[Meter], first: int
) -> tuple[int, int]:
    """All meters; the first of them takes level number `first`. Gives (rows in a column, columns).

    Where there is no room for all of them, those that drive something stay, in their order.
    """
    small = faces[0]
    unit = small.size
    pitch, margin = round(unit * 1.55), round(unit * 1.2)
    rows = max(1, int((size[1] - 4 * margin) // pitch))
    columns = max(1, int((size[0] - 2 * margin) // (unit * 27)))
    numbered = list(enumerate(meters, first))[: LEVELS - first]
    if len(numbered) > rows * columns:
        kept = sorted(numbered, key=lambda one: (not one[1].drives, one[0]))
        numbered = sorted(kept[: rows * columns], key=lambda one: one[0])
    wide = (size[0] - 2 * margin) / columns
    quads.box(margin / 2, margin / 2, size[0] - margin, size[1] - margin, (*PAPER[:3], 0.88), unit * 0.6)
    quads.text(faces[1], "Signals", 1.5 * margin, 2 * margin, CYAN)
    for place, (number, meter) in enumerate(numbered):
        x, y = margin + (place // rows) * wide, 2.6 * margin + (place % rows) * pitch
        _lay_meter(quads, small, meter, x + unit * 0.6, y + pitch * 0.72, wide - unit * 1.2, number)
    return rows, columns


def _lay_meter(quads: Quads, face: Face, meter: Meter, x: float, base: float, width: float, level: int) -> None:
    """One row: name, bar, and what it drives as far as there is room."""
    unit = face.size
    track, full = x + unit * 9.5, unit * 6
    quads.text(face, face.fit(meter.name.removeprefix("audio."), unit * 9), x, base, BRIGHT if meter.drives else DIM)
    thick = max(3, round(unit * 0.4))
    quads.box(track, base - unit * 0.36 - thick / 2, full, thick, FAINT, thick / 2)
    quads.bar(level, track, base - unit * 0.36 - thick / 2, full, thick, AMBER if meter.pulse else CYAN)
    if meter.drives:
        begin = track + full + unit * 0.7
        quads.text(face, face.fit(meter.drives, x + width - begin), begin, base, DIM)
