"""The figures over the picture: what a performer must see in the dark at a glance, and nothing when it is hidden.

The show hands over data (`show`), as often as it likes; the text is laid out ten times a second and only drawn in
between, while the bars follow every frame. All sizes follow the height of the window. Main thread only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import moderngl
import numpy as np
from numpy.typing import NDArray

from perform.engine.clock import Tick
from perform.output.font import Face, build
from perform.output.meters import Meter, lay_meters
from perform.output.quads import AMBER, BRIGHT, CYAN, DIM, FAINT, LEVELS, PAPER, Ink, Quads, Size

EVERY = 0.1
FADE = 0.12
SPARKS = 56
BARS = 32  # at most beside the figures


@dataclass(frozen=True, slots=True)
class Line:
    """A label and its value; without a value it is a heading.

    `history` (at most the last 56 are drawn) becomes a sparkline between them; numbers above `limit` stand out.
    """

    label: str
    value: str = ""
    history: Sequence[float] = ()
    limit: float = math.inf


@dataclass(frozen=True, slots=True)
class Bar:
    """A signal: its name and its value 0..1. A `pulse` (beat, onset) has the colour of events."""

    name: str
    value: float
    pulse: bool = False


class Hud:
    """An `Overlay` for the stage. `visible`, `meters_visible` (a page of its own, in place of the figures) and
    `help_visible` fade it in and out; `toast` speaks for a moment.

    `keys` are the (key, what it does) pairs of the help overlay.
    """

    def __init__(self, keys: Sequence[tuple[str, str]] = ()) -> None:
        self.visible = False
        self.meters_visible = False
        self.help_visible = False
        self._keys = tuple(keys)
        self._lines: Sequence[Line] = ()
        self._bars: Sequence[Bar] = ()
        self._problems: Sequence[str] = ()
        self._toast = ""
        self._toast_for = 0.0
        self._toast_left = 0.0
        self._next = -math.inf
        self._size: Size = (0, 0)
        self._ink: Ink | None = None
        self._faces: tuple[Face, ...] = ()
        self._meters: Sequence[Meter] = ()
        self._layers = (Quads(), Quads(), Quads(), Quads())
        self._opacity = [0.0, 0.0, 0.0, 0.0]
        self._levels = np.zeros(LEVELS, np.float32)

    def show(self, lines: Sequence[Line], bars: Sequence[Bar], problems: Sequence[str] = ()) -> None:
        """What to show from now on. Cheap; the sequences must not be changed afterwards."""
        if len(bars) != len(self._bars) or len(lines) != len(self._lines) or problems != self._problems:
            self._next = -math.inf
        self._lines, self._bars, self._problems = lines, bars, problems

    def show_meters(self, meters: Sequence[Meter]) -> None:
        """What the meter page shows from now on; as `show`."""
        if [meter.name for meter in meters] != [meter.name for meter in self._meters]:
            self._next = -math.inf
        self._meters = meters

    def toast(self, text: str, seconds: float = 1.8) -> None:
        """Say `text` in the middle below for some seconds, HUD or no HUD; "" takes it away."""
        if text:
            self._toast, self._layers[3].count = text, 0
        self._toast_for = self._toast_left = seconds if text else 0.0

    def draw(self, ctx: moderngl.Context, size: Size, tick: Tick) -> None:
        """Draw over the bound framebuffer of `size` pixels. Costs nothing while all is hidden.

        The first call, and the first after the size has changed, makes the letters (some 30 ms).
        """
        self._toast_left = max(self._toast_left - tick.dt, 0.0)
        figures = self.visible and not self.meters_visible
        wanted = (figures, self.meters_visible, self.help_visible, self._toast_left > 0.0)
        step = tick.dt / FADE
        for layer, want in enumerate(wanted):
            now = self._opacity[layer]
            self._opacity[layer] = min(now + step, 1.0) if want else max(now - step, 0.0)
        ink = self._prepare(ctx, size)  # even while all is hidden, so that the first look costs no frame
        if not any(self._opacity):
            return
        self._lay_out(tick.time)
        ink.begin(size, self._measure())
        for layer, quads in enumerate(self._layers):
            if self._opacity[layer] > 0.0 and quads.count:
                ink.draw(layer, quads, self._opacity[layer])
        ink.end()

    def release(self) -> None:
        """Give the GL things back."""
        if self._ink is not None:
            self._ink.release()
            self._ink = None

    def _prepare(self, ctx: moderngl.Context, size: Size) -> Ink:
        """Letters of the right size for this window; made again only when it changes."""
        if self._ink is not None and self._ink.ctx is ctx and self._size == size:
            return self._ink
        self.release()
        body = em(size)
        sheet, self._faces = build((max(8, round(body * 0.78)), body, round(body * 1.5)))
        self._ink = Ink(ctx, sheet, len(self._layers))
        self._size = size
        self._next = -math.inf
        for quads in self._layers:
            quads.clear()
        return self._ink

    def _lay_out(self, now: float) -> None:
        figures, meters, keys, toast = self._layers
        if (self._opacity[0] > 0.0 or self._opacity[1] > 0.0) and (now >= self._next or now < self._next - 2 * EVERY):
            self._next = now + EVERY
            figures.clear()
            meters.clear()
            if self._opacity[0] > 0.0:
                self._lay_figures(figures)
            if self._opacity[1] > 0.0:
                lay_meters(meters, self._faces, self._size, self._meters, self._shown_bars())
                lay_problems(meters, self._faces, self._size, self._problems)
        if self._opacity[2] > 0.0 and not keys.count:
            keys.clear()
            lay_help(keys, self._faces, self._size, self._keys)
        if self._opacity[3] > 0.0 and not toast.count:
            toast.clear()
            lay_toast(toast, self._faces, self._size, self._toast)

    def _lay_figures(self, quads: Quads) -> None:
        unit = self._faces[1].size
        margin = unit
        bottom = lay_lines(quads, self._faces, margin, margin, self._lines)
        wide = self._size[0] >= 52 * unit
        x = self._size[0] - margin - 19 * unit if wide else margin
        y = margin if wide else bottom + unit // 2
        lay_bars(quads, self._faces, x, y, self._bars)
        lay_problems(quads, self._faces, self._size, self._problems)

    def _shown_bars(self) -> int:
        """How many levels the bars of the figures take; those of the meters come behind them."""
        return min(len(self._bars), BARS)

    def _measure(self) -> NDArray[np.float32]:
        """The levels of the bars now; they follow every frame without laying out anything."""
        count = self._shown_bars()
        levels = [bar.value for bar in self._bars[:count]] + [meter.value for meter in self._meters]
        levels = levels[:LEVELS]
        self._levels[: len(levels)] = levels
        np.nan_to_num(self._levels, copy=False, posinf=1.0)
        return np.clip(self._levels, 0.0, 1.0, out=self._levels)


def em(size: Size) -> int:
    """The size of the letters in pixels for a window of `size`: readable from a step back, never half the wall."""
    return max(9, min(48, round(min(size[1] / 46, size[0] / 54))))


def lay_lines(quads: Quads, faces: tuple[Face, ...], x: float, y: float, lines: Sequence[Line]) -> float:
    """The panel of labels and values; returns its lower edge."""
    if not lines:
        return y
    small, body, _ = faces
    unit = body.size
    pitch, width = round(unit * 1.5), 30 * unit
    height = len(lines) * pitch + unit * 1.3
    quads.box(x, y, width, height, PAPER, unit * 0.5)
    left, right = x + unit, x + width - unit
    base = y + unit * 0.65 + pitch * 0.68
    for line in lines:
        if not line.value:
            quads.text(small, line.label.upper(), left, base, CYAN)
        else:
            label = quads.text(body, line.label, left, base, DIM)
            shown = body.fit(line.value, right - left - label - unit)
            value = quads.text(body, shown, right, base, BRIGHT, "right")
            if len(line.history):
                begin = left + max(label + unit, unit * 7.5)
                _spark(quads, line, begin, base, right - value - unit - begin, unit)
        base += pitch
    return y + height


def _spark(quads: Quads, line: Line, x: float, y: float, width: float, unit: int) -> None:
    """A sparkline from zero to the largest number (or the limit) in at most `width` pixels, the newest at the right."""
    step = max(1, round(unit / 8))
    room = min(SPARKS, int(width) // step)
    if room < 8:
        return
    values = np.nan_to_num(np.fromiter(line.history, np.float32)[-room:], posinf=0.0)
    top = max(float(values.max()), line.limit * 1.2 if math.isfinite(line.limit) else 0.0, 1e-9)
    heights = np.maximum(np.rint(np.clip(values / top, 0.0, 1.0) * unit * 0.95), 1.0)
    colours = np.empty((len(values), 4), np.float32)
    colours[:] = (*CYAN[:3], 0.75)
    colours[values > line.limit] = AMBER
    quads.columns(heights, round(x), round(y) + 1, step, colours)


def lay_bars(quads: Quads, faces: tuple[Face, ...], x: float, y: float, bars: Sequence[Bar]) -> None:
    """The panel of signals. The first `BARS` are shown, more would not fit anyway."""
    bars = bars[:BARS]
    if not bars:
        return
    body = faces[1]
    unit = body.size
    pitch, width = round(unit * 1.35), 19 * unit
    quads.box(x, y, width, len(bars) * pitch + unit * 1.3, PAPER, unit * 0.5)
    track, thick = x + unit * 9, max(3, round(unit * 0.36))
    full = width - unit * 10
    base = y + unit * 0.65 + pitch * 0.7
    for row, bar in enumerate(bars):
        quads.text(body, body.fit(bar.name, unit * 7.6), x + unit, base + row * pitch, DIM)
        quads.box(track, base + row * pitch - unit * 0.36 - thick / 2, full, thick, FAINT, thick / 2)
        quads.bar(row, track, base + row * pitch - unit * 0.36 - thick / 2, full, thick, AMBER if bar.pulse else CYAN)


def lay_problems(quads: Quads, faces: tuple[Face, ...], size: Size, problems: Sequence[str]) -> None:
    """What is wrong, at the lower edge, newest last."""
    if not problems:
        return
    body = faces[1]
    unit = body.size
    pitch, widest = round(unit * 1.4), min(size[0] - 4 * unit, 60 * unit)
    lines = [line for problem in problems for line in body.wrap(problem, widest - 3 * unit)]
    height = len(lines) * pitch + unit * 1.2
    width = max(body.width(line) for line in lines) + 2.6 * unit
    x, y = unit, size[1] - unit - height
    quads.box(x, y, width, height, PAPER, unit * 0.5)
    quads.box(x + unit * 0.8, y + unit * 0.8, max(2, unit // 5), height - unit * 1.6, AMBER, unit * 0.1)
    for row, line in enumerate(lines):
        quads.text(body, line, x + unit * 1.6, y + unit * 0.6 + pitch * (row + 0.7), AMBER)


def lay_help(quads: Quads, faces: tuple[Face, ...], size: Size, keys: Sequence[tuple[str, str]]) -> None:
    """The keys, in the middle."""
    _, body, large = faces
    unit = body.size
    pitch = round(unit * 1.75)
    first = max((body.width(key) for key, _ in keys), default=0.0)
    second = max((body.width(text) for _, text in keys), default=0.0)
    width = max(first + second + unit * 6, large.width("Keys") + unit * 4)
    height = pitch * len(keys) + unit * 5.6
    x, y = round((size[0] - width) / 2), round((size[1] - height) / 2)
    quads.box(x, y, width, height, (*PAPER[:3], 0.86), unit * 0.7)
    quads.text(large, "Keys", x + unit * 2, y + unit * 2.9, BRIGHT)
    for row, (key, text) in enumerate(keys):
        base = y + unit * 4.2 + pitch * (row + 0.65)
        quads.text(body, key, x + unit * 2, base, CYAN)
        quads.text(body, text, x + unit * 4 + first, base, BRIGHT)


def lay_toast(quads: Quads, faces: tuple[Face, ...], size: Size, text: str) -> None:
    """A word to the performer, in the middle below."""
    large = faces[2]
    unit = large.size
    width = large.width(text) + unit * 2
    x, y = round((size[0] - width) / 2), round(size[1] * 0.82)
    quads.box(x, y, width, unit * 2, PAPER, unit)
    quads.text(large, text, x + unit, y + unit * 1.35, BRIGHT)
