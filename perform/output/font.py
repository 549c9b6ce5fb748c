"""Letters for the HUD: all glyphs of a few sizes in one picture, laid out with numpy.

The typeface is the one inside Pillow (Aileron, CC0), so no font has to be installed; its digits are all equally wide,
so numbers that change do not dance. It has ASCII and a few signs more: accents are folded away, arrows and the bullet
are drawn here, and what is left becomes a question mark.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Floats = NDArray[np.float32]

LETTERS = "".join(map(chr, range(32, 127))) + "·…±°×–’“”"
DRAWN: dict[str, tuple[tuple[float, float], ...]] = {  # strokes in units of the size, from the baseline, y up
    "→": ((0.08, 0.3), (0.72, 0.3), (0.5, 0.52), (0.72, 0.3), (0.5, 0.08)),
    "←": ((0.72, 0.3), (0.08, 0.3), (0.3, 0.52), (0.08, 0.3), (0.3, 0.08)),
    "↑": ((0.4, 0.0), (0.4, 0.62), (0.18, 0.4), (0.4, 0.62), (0.62, 0.4)),
    "↓": ((0.4, 0.62), (0.4, 0.0), (0.18, 0.22), (0.4, 0.0), (0.62, 0.22)),
    "•": ((0.3, 0.3), (0.34, 0.3)),
}
# a picture with a clear rim of one pixel, where its left and top edges lie from the baseline, its advance
Glyph = tuple[Image.Image, int, int, float]

_SHEET = 1024
_FINE = 4


@dataclass(frozen=True, slots=True)
class Face:
    """One size of the letters. `table` `[G, 7]`: u, v, width, height, left, top (from the baseline), advance: pixels.

    `places` `[65536]` gives the row of a character.
    """

    size: int
    table: Floats
    places: NDArray[np.int32]

    def layout(self, text: str) -> tuple[Floats, float]:
        """Rects and texture rects `[N, 8]` of `text` with its baseline starting at (0, 0), and its width in pixels."""
        codes = np.frombuffer(plain(text).encode("utf-16-le", "replace"), dtype=np.uint16)
        rows = self.table[self.places[codes]]
        ends = np.cumsum(rows[:, 6])
        out = np.empty((len(rows), 8), np.float32)
        # whole pixels, so that every letter is as sharp as the next
        out[:, 0] = np.rint(ends - rows[:, 6]) + rows[:, 4]
        out[:, 1] = rows[:, 5]
        out[:, 2:4] = out[:, 6:8] = rows[:, 2:4]
        out[:, 4:6] = rows[:, 0:2]
        return out, float(ends[-1]) if len(ends) else 0.0

    def width(self, text: str) -> float:
        """How wide `text` is, in pixels."""
        codes = np.frombuffer(plain(text).encode("utf-16-le", "replace"), dtype=np.uint16)
        return float(self.table[self.places[codes], 6].sum())

    def fit(self, text: str, width: float) -> str:
        """`text`, cut with an ellipsis where it is wider than `width` pixels."""
        if self.width(text) <= width:
            return text
        while text and self.width(text + "…") > width:
            text = text[:-1]
        return text + "…"

    def wrap(self, text: str, width: float) -> list[str]:
        """`text` in lines of at most `width` pixels, broken between words (a longer word stands alone)."""
        lines: list[str] = []
        for word in text.split():
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and self.width(longer) <= width:
                lines[-1] = longer
            else:
                lines.append(word)
        return lines


def plain(text: str) -> str:
    """`text` in letters that are there: accents folded away, the rest left to become question marks."""
    if text.isascii():
        return text
    return "".join(
        letter
        if letter in DRAWN or letter in LETTERS
        else "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))
        for letter in text
    )


def build(sizes: tuple[int, ...]) -> tuple[NDArray[np.uint8], tuple[Face, ...]]:
    """All letters in `sizes` (pixels) on one sheet `[H, 1024]` uint8, and a face for each. Some 10 ms a size."""
    pictures = [_glyphs(size) for size in sizes]
    sheet = Image.new("L", (_SHEET, _SHEET))
    x = y = shelf = 0
    faces = []
    for size, glyphs in zip(sizes, pictures, strict=True):
        table = np.zeros((len(glyphs), 7), np.float32)
        places = np.full(65536, LETTERS.index("?"), np.int32)
        for row, (letter, (picture, left, top, advance)) in enumerate(zip((*LETTERS, *DRAWN), glyphs, strict=True)):
            width, height = picture.size
            if x + width > _SHEET:
                x, y, shelf = 0, y + shelf, 0
            if y + height > sheet.height:
                sheet = sheet.crop((0, 0, _SHEET, sheet.height * 2))
            sheet.paste(picture, (x, y))
            table[row] = x, y, width, height, left, top, advance
            places[ord(letter)] = row
            x, shelf = x + width, max(shelf, height)
        faces.append(Face(size, table, places))
    return np.asarray(sheet.crop((0, 0, _SHEET, y + shelf)), dtype=np.uint8), tuple(faces)


def _glyphs(size: int) -> list[Glyph]:
    font = ImageFont.load_default(size=size)
    return [_glyph(letter, font) for letter in LETTERS] + [_drawn(strokes, size) for strokes in DRAWN.values()]


def _glyph(letter: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> Glyph:
    left, top, right, bottom = (round(edge) for edge in font.getbbox(letter, anchor="ls"))
    picture = Image.new("L", (right - left + 2, bottom - top + 2))
    ImageDraw.Draw(picture).text((1 - left, 1 - top), letter, fill=255, font=font, anchor="ls")
    # Small letters on whole pixels run together without a little more room between the words.
    return picture, left - 1, top - 1, round(font.getlength(letter) * (1.2 if letter == " " else 1.0))


def _drawn(strokes: tuple[tuple[float, float], ...], size: int) -> Glyph:
    wide, high = size + 2, size + 2
    big = Image.new("L", (wide * _FINE, high * _FINE))
    draw = ImageDraw.Draw(big)
    points = [((x * size + 1) * _FINE, (size - y * size + 1) * _FINE) for x, y in strokes]
    thick = max(_FINE, round(size * _FINE * (0.3 if len(strokes) == 2 else 0.09)))
    draw.line(points, fill=255, width=thick, joint="curve")
    for x, y in points:
        draw.ellipse((x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2), fill=255)
    return big.resize((wide, high), Image.Resampling.BOX), -1, -size - 1, round(size * 0.82)
