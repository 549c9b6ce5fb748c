"""Words that several commands share: sizes, numbers, addresses, and the arguments of a show."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from perform.engine.problems import UserError

if TYPE_CHECKING:
    from perform.app import Options

DEVICES = ("", "cpu", "cuda", "mps")


def size(text: str) -> tuple[int, int]:
    """`1280x720` as two numbers. Raises argparse.ArgumentTypeError."""
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit() and 16 <= int(width) <= 16384 and 16 <= int(height) <= 16384):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write it as 1280x720")
    return int(width), int(height)


def positive(text: str) -> float:
    """A number above 0. Raises argparse.ArgumentTypeError."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < 1e7:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return number


def address(text: str) -> tuple[str, int] | None:
    """`HOST:PORT`, or None for "none". Raises UserError."""
    if text == "none":
        return None
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise UserError(f'"{text}" is no address; write it as 0.0.0.0:9000, or none')
    return host or "0.0.0.0", int(port)


def playing(parser: argparse.ArgumentParser) -> None:
    """The arguments of a live show."""
    parser.add_argument("preset", nargs="?", default="first-light", help="a preset's name or file")
    parser.add_argument("--model", default="", help="a model's name or file, instead of the preset's")
    parser.add_argument(
        "--audio", metavar="DEVICE|FILE",
        help="sound input by name (NAME:3,4 for these channels, NAME:mix for all), a sound file, 'track' or 'none'",
    )  # fmt: skip
    parser.add_argument("--osc", metavar="HOST:PORT", default="0.0.0.0:9000", help="where to listen, or 'none'")
    parser.add_argument("--midi", metavar="PORT", default="", help="only this MIDI input, or 'none'; all by default")
    parser.add_argument("--link", action="store_true", help="join the Ableton Link session (needs pip install aalink)")
    parser.add_argument("--window", "--size", dest="window", type=size, default=(1280, 720), metavar="WxH")
    parser.add_argument("--monitor", metavar="NAME", help="fill this monitor, without borders")
    parser.add_argument("--fullscreen", action="store_true")
    parser.add_argument("--offscreen", action="store_true", help="draw without a window")
    parser.add_argument("--seconds", type=positive, default=0.0, help="end after so many seconds")
    parser.add_argument("--fps", type=positive, default=60.0, help="pictures a second at most")
    parser.add_argument("--device", default="", choices=DEVICES)
    parser.add_argument("--record", type=Path, metavar="FILE.mp4", help="record from the start")
    parser.add_argument("--hud", action="store_true", help="begin with the HUD shown")
    parser.add_argument("--strict", action="store_true", help="end at the first problem")


def options(parsed: argparse.Namespace) -> Options:
    """What `playing` read, as the show takes it. Raises UserError."""
    from perform.app import Options

    return Options(
        preset=parsed.preset,
        model=parsed.model,
        audio=parsed.audio,
        osc=address(parsed.osc),
        midi=parsed.midi,
        link=parsed.link,
        size=parsed.window,
        monitor=parsed.monitor,
        fullscreen=parsed.fullscreen,
        offscreen=parsed.offscreen,
        device=parsed.device,
        seconds=parsed.seconds,
        fps=parsed.fps,
        strict=parsed.strict,
        record=parsed.record,
        hud=parsed.hud,
    )
