"""`perform sheet`: a contact sheet of a preset, as its network was trained and as the preset plays it."""

from __future__ import annotations

import argparse
from pathlib import Path

from perform.commands.words import positive, size

ABOUT = "show on one page what presets do"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("presets", nargs="*", metavar="PRESET", help="names or files; none: all that are shipped")
    parser.add_argument("-o", "--out", type=Path, default=Path("sheets"), metavar="FOLDER", help="[sheets]")
    parser.add_argument("--track", default="track", help="a sound file; by default the built-in track")
    parser.add_argument("--model", default="", help="a model's name or file, instead of the preset's")
    parser.add_argument("--size", type=size, default=(640, 360), metavar="WxH")
    parser.add_argument("--seconds", type=positive, default=24.0)
    parser.add_argument("--fps", type=positive, default=15.0)
    parser.add_argument("--count", type=int, default=6, help="how many moments [6]")
    parser.add_argument("--jpg", action="store_true", help="smaller files")
    parser.add_argument("--alone", action="store_true", help="without the row of the trained network")


def run(parsed: argparse.Namespace) -> int:
    from perform.app import Options
    from perform.contact import sheet
    from perform.engine import preset as presets

    status = 0
    for name in parsed.presets or list(presets.available()):
        presets.read(presets.find(name))  # a wrong name is said before the first sheet is drawn
    for name in parsed.presets or list(presets.available()):
        out = parsed.out / f"{Path(name).stem}.{'jpg' if parsed.jpg else 'png'}"
        wanted = Options(
            preset=name, model=parsed.model, size=parsed.size, seconds=parsed.seconds, fps=parsed.fps
        )  # fmt: skip
        problems = sheet(wanted, parsed.track, out, max(1, parsed.count), compare=not parsed.alone)
        print("\n".join([str(out), *(f"  {line}" for line in problems)]))
        status = status or int(bool(problems))
    return status
