"""A contact sheet: some frames of a show on one page, to see at a glance what it was."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from perform.engine.problems import UserError

_PAPER, _INK, _FAINT = (14, 14, 16), (235, 235, 235), (150, 150, 155)


def contact_sheet(
    frames: Sequence[NDArray[np.uint8]],
    path: Path | str,
    columns: int = 4,
    captions: Sequence[str] = (),
    title: str = "",
    width: int = 320,
) -> None:
    """Write `frames` (each `[H, W, 4]` or `[H, W, 3]` uint8, top row first) as one PNG (or .jpg), `columns` wide.

    Each picture becomes `width` pixels wide with its caption below; `title` goes over all. Raises UserError where the
    file cannot be written and ValueError without frames.
    """
    if not frames:
        raise ValueError("a contact sheet needs at least one frame")
    columns = max(1, min(columns, len(frames)))
    rows = -(-len(frames) // columns)
    height = max(round(frame.shape[0] * width / frame.shape[1]) for frame in frames)
    gap = width // 16
    small, large = ImageFont.load_default(size=width // 22), ImageFont.load_default(size=width // 13)
    caption = gap * 2 if captions else gap // 2
    top = gap * 3 if title else gap
    size = (columns * (width + gap) + gap, top + rows * (height + caption) + gap)
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((gap, gap * 1.5), title, fill=_INK, font=large, anchor="lm")
    for index, frame in enumerate(frames):
        row, column = divmod(index, columns)
        x, y = gap + column * (width + gap), top + row * (height + caption)
        picture = Image.fromarray(np.ascontiguousarray(frame[..., :3]))
        high = round(frame.shape[0] * width / frame.shape[1])
        sheet.paste(picture.resize((width, high), Image.Resampling.LANCZOS), (x, y))
        if index < len(captions):
            draw.text((x, y + height + gap * 0.7), captions[index], fill=_FAINT, font=small, anchor="lm")
    try:
        sheet.save(path, "JPEG" if Path(path).suffix == ".jpg" else "PNG", quality=88)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write the contact sheet {path}: {error}; choose another place") from error
