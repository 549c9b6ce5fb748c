"""A sound as one picture: every feature over time. For `perform listen FILE -o features.png`.

The columns of the picture are filled as the sound goes by, so a piece of three hours takes no more memory than a song.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from perform.audio.features.key import key_name
from perform.engine.signals import Event
from perform.engine.sound import SPECTRUM, SoundPicture

Floats = NDArray[np.float32]
Colour = tuple[int, int, int]

COLUMNS, LEFT, RIGHT = 1500, 170, 20
GROUND, INK, DIM, GRID = (13, 14, 18), (225, 228, 232), (140, 146, 155), (38, 41, 48)
BANDS = tuple(f"audio.band.{n}" for n in range(8, 0, -1))
CHROMA = tuple(f"audio.chroma.{note}" for note in ("b", "as", "a", "gs", "g", "fs", "f", "e", "ds", "d", "cs", "c"))
LINES: tuple[tuple[str, Colour], ...] = (
    ("audio.rms", (92, 212, 220)), ("audio.loudness.raw", (240, 240, 240)),
    ("audio.low", (255, 140, 90)), ("audio.mid", (255, 200, 110)), ("audio.high", (170, 220, 120)),
    ("audio.centroid", (120, 170, 255)), ("audio.flatness", (170, 140, 255)), ("audio.flux", (255, 120, 160)),
    ("audio.harmonic", (120, 220, 170)), ("audio.width", (200, 160, 240)), ("audio.density", (255, 170, 80)),
    ("audio.swell", (240, 220, 130)), ("audio.silence", (150, 150, 160)),
)  # fmt: skip
TICKS: tuple[tuple[str, Colour], ...] = (
    ("audio.kick", (255, 140, 90)), ("audio.snare", (255, 220, 130)), ("audio.hat", (170, 220, 120)),
    ("audio.onset", (225, 228, 232)), ("beat.pulse", (92, 212, 220)), ("bar.pulse", (255, 184, 77)),
)  # fmt: skip
_MAP = np.array([(0, 0, 8), (40, 12, 80), (130, 30, 110), (220, 70, 70), (250, 160, 60), (252, 250, 190)], float)


class Portrait:
    """Takes what an ear says, frame by frame, and draws it. `seconds` is how long the sound is."""

    def __init__(self, title: str, seconds: float) -> None:
        self.title, self.seconds = title, max(seconds, 1e-3)
        self.columns = int(min(COLUMNS, max(200, self.seconds * 60)))
        self._sums: dict[str, NDArray[np.float64]] = {}
        self._counts: dict[str, NDArray[np.float64]] = {}
        self._pulses: dict[str, NDArray[np.float64]] = {name: np.zeros(self.columns) for name, _ in TICKS}
        self.spectrum = np.zeros((SPECTRUM, self.columns), np.float32)

    def take(self, events: Iterable[Event], picture: SoundPicture | None, time: float) -> None:
        """The events of a frame and the newest picture of the sound, at `time` seconds."""
        for event in events:
            column = min(int(event.time / self.seconds * self.columns), self.columns - 1)
            if isinstance(event.value, str) or column < 0:
                continue
            if event.decay > 0:
                marks = self._pulses.setdefault(event.name, np.zeros(self.columns))
                marks[column] = max(marks[column], event.value)
                continue
            for table, value in ((self._sums, event.value), (self._counts, 1.0)):
                table.setdefault(event.name, np.zeros(self.columns))[column] += value
        if picture is not None:
            column = min(int(time / self.seconds * self.columns), self.columns - 1)
            np.maximum(self.spectrum[:, column], picture.spectrum, out=self.spectrum[:, column])

    def line(self, name: str) -> NDArray[np.float64]:
        """The mean of a signal in each column; where it said nothing, what it said before."""
        counts = self._counts.get(name, np.zeros(self.columns))
        places = np.maximum.accumulate(np.where(counts > 0, np.arange(self.columns), 0))
        sums = self._sums.get(name, np.zeros(self.columns))
        return np.asarray((sums / np.maximum(counts, 1.0))[places])

    def pulses(self, name: str) -> NDArray[np.float64]:
        """The strongest pulse in each column, 0 where there was none."""
        return self._pulses.get(name, np.zeros(self.columns))

    def draw(self) -> Image.Image:
        """The whole picture."""
        sheet = _Sheet(self)
        sheet.heat("spectrum", np.repeat(self.spectrum[::-1], 3, axis=0), ("16 kHz", "700 Hz", "30 Hz"))
        for name, colour in LINES:
            sheet.area(name.removeprefix("audio.").removesuffix(".raw"), self.line(name), colour)
        sheet.heat("8 bands", np.repeat([self.line(name) for name in BANDS], 11, axis=0), ("air", "", "sub"))
        sheet.heat("chroma", np.repeat([self.line(name) for name in CHROMA], 11, axis=0), ("B", "", "C"))
        sheet.keys(self.line("audio.key"), self.line("audio.key.major"), self.line("audio.key.confidence"))
        sheet.dots("pitch", self.line("audio.pitch"), self.line("audio.pitch.confidence"), ("A6", "", "A1"))
        for name, colour in TICKS:
            sheet.ticks(name.removeprefix("audio."), self.pulses(name), colour)
        bpm = self.line("beat.bpm")
        sheet.area(f"tempo {np.median(bpm):.1f} bpm", np.clip(bpm / 240.0, 0, 1), (92, 212, 220))
        sheet.area("beat.confidence", self.line("beat.confidence"), DIM)
        return sheet.finish()

    def save(self, path: Path) -> None:
        """Write it as PNG. Raises OSError where that cannot be."""
        self.draw().save(path, format="PNG")


class _Sheet:
    """The paper: panels one below the other."""

    def __init__(self, portrait: Portrait) -> None:
        self._columns, self._seconds = portrait.columns, portrait.seconds
        self._image = Image.new("RGB", (LEFT + portrait.columns + RIGHT, 1500), GROUND)
        self._pen = ImageDraw.Draw(self._image)
        self._large, self._small = ImageFont.load_default(size=18), ImageFont.load_default(size=12)
        self._pen.text((16, 12), f"{portrait.title}   {portrait.seconds:.1f} s", INK, font=self._large)
        self._y = 44

    def heat(self, name: str, rows: Sequence[Floats] | NDArray[np.floating], marks: tuple[str, str, str]) -> None:
        """A panel of numbers 0..1 [rows, columns] as colours."""
        values = np.clip(np.asarray(rows, float), 0.0, 1.0)
        place = values * (len(_MAP) - 1)
        low = np.minimum(place.astype(int), len(_MAP) - 2)
        colours = _MAP[low] + (_MAP[low + 1] - _MAP[low]) * (place - low)[..., None]
        self._image.paste(Image.fromarray(colours.astype(np.uint8)), (LEFT, self._y))
        self._label(name, len(values), marks)

    def area(self, name: str, line: NDArray[np.floating], colour: Colour, height: int = 30) -> None:
        """A line 0..1 with what is below it filled."""
        self._pen.rectangle((LEFT, self._y, LEFT + self._columns - 1, self._y + height), fill=(18, 19, 24))
        dark = tuple(part // 3 for part in colour)
        for x, value in enumerate(np.clip(line, 0.0, 1.0)):
            top = self._y + height - round(float(value) * (height - 2))
            self._pen.line((LEFT + x, top, LEFT + x, self._y + height), fill=dark)
            self._pen.point((LEFT + x, top), fill=colour)
        self._label(name, height)

    def dots(
        self, name: str, line: NDArray[np.floating], sure: NDArray[np.floating], marks: tuple[str, str, str]
    ) -> None:
        """A line 0..1 as dots, as bright as they are sure."""
        height = 100
        for octave in range(6):
            y = self._y + height - octave * height // 5
            self._pen.line((LEFT, y, LEFT + self._columns - 1, y), fill=GRID)
        for x, (value, bright) in enumerate(zip(np.clip(line, 0, 1), np.clip(sure, 0, 1), strict=True)):
            y = self._y + height - round(float(value) * height)
            part = float(bright) ** 2
            ink = tuple(round(g + (i - g) * part) for g, i in zip(GROUND, (255, 224, 140), strict=True))
            if part > 0.2:
                self._pen.line((LEFT + x, y - 1, LEFT + x, y + 1), fill=ink)
        self._label(name, height, marks)

    def ticks(self, name: str, marks: NDArray[np.floating], colour: Colour) -> None:
        """Pulses as strokes, as high as they are strong."""
        height = 18
        for x in np.flatnonzero(marks):
            tall = round(4 + float(marks[x]) * (height - 5))
            self._pen.line((LEFT + int(x), self._y + height - tall, LEFT + int(x), self._y + height), fill=colour)
        self._label(name, height)

    def keys(self, key: NDArray[np.floating], major: NDArray[np.floating], sure: NDArray[np.floating]) -> None:
        """The key by name wherever it changes, on a strip as bright as it is sure."""
        height, said = 20, ""
        for x in range(self._columns):
            part = float(np.clip(sure[x], 0, 1))
            self._pen.line((LEFT + x, self._y, LEFT + x, self._y + height), fill=(18, 24 + round(50 * part), 40))
        for x in range(0, self._columns, 12):
            now = key_name(float(key[x]), float(major[x])) if sure[x] > 0.02 else ""
            if now != said and now:
                self._pen.text((LEFT + x + 3, self._y + 3), now, INK, font=self._small)
            said = now
        self._label("key", height)

    def finish(self) -> Image.Image:
        """The axis of time, and the paper cut to what is used."""
        step = next(one for one in (1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600) if self._seconds / one < 16)
        for second in range(0, int(self._seconds) + 1, step):
            x = LEFT + round(second / self._seconds * self._columns)
            self._pen.line((x, self._y, x, self._y + 5), fill=DIM)
            text = f"{second // 60}:{second % 60:02}" if self._seconds > 90 else f"{second} s"
            self._pen.text((x + 3, self._y + 4), text, DIM, font=self._small)
        return self._image.crop((0, 0, self._image.width, self._y + 26))

    def _label(self, name: str, height: int, marks: tuple[str, str, str] = ("", "", "")) -> None:
        self._pen.text((16, self._y + height / 2), name, INK, font=self._small, anchor="lm")
        for share, mark in zip((0.0, 0.5, 1.0), marks, strict=True):
            y = self._y + min(max(share * height, 7), height - 7)
            self._pen.text((LEFT - 8, y), mark, DIM, font=self._small, anchor="rm")
        self._y += height + 5
