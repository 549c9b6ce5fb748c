"""`perform render`: a track drawn into a film, frame by frame, on a fixed clock."""

from __future__ import annotations

import argparse
from pathlib import Path

from perform.commands.words import DEVICES, positive, size

ABOUT = "draw a track into a film, frame by frame"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("track", help="a sound file, or 'track' for the built-in one")
    parser.add_argument("--preset", default="first-light", help="a preset's name or file")
    parser.add_argument("--model", default="", help="a model's name or file, instead of the preset's")
    parser.add_argument("-o", "--out", type=Path, default=Path("show.mp4"))
    parser.add_argument("--size", type=size, default=(1280, 720), metavar="WxH")
    parser.add_argument("--fps", type=positive, default=30.0)
    parser.add_argument("--seconds", type=positive, default=0.0, help="only the first so many seconds")
    parser.add_argument("--sheet", type=Path, help="also write a contact sheet PNG")
    parser.add_argument("--device", default="", choices=DEVICES)
    parser.add_argument("--strict", action="store_true", help="end at the first problem")


def run(parsed: argparse.Namespace) -> int:
    from perform.app import Options
    from perform.film import render

    wanted = Options(
        preset=parsed.preset,
        model=parsed.model,
        size=parsed.size,
        fps=parsed.fps,
        seconds=parsed.seconds,
        device=parsed.device,
        strict=parsed.strict,
    )
    status = render(wanted, parsed.track, parsed.out, sheet=parsed.sheet)
    print(" and ".join(str(path) for path in (parsed.out, parsed.sheet) if path and path.exists()))
    return status
