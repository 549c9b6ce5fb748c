"""`perform devices`: what sound, MIDI and display devices there are, and on a terminal how loud each input is now."""

from __future__ import annotations

import argparse
import shutil
import sys
from typing import TYPE_CHECKING

from perform.commands.words import positive

if TYPE_CHECKING:
    from perform.audio.meters import Levels

ABOUT = "list sound, MIDI and display devices, with live meters"

PATIENCE = 8.0  # seconds until the first levels; a sick sound server takes its time


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--meters", action=argparse.BooleanOptionalAction, default=None,
        help="show how loud every input is (the default on a terminal; elsewhere once, after a second)",
    )  # fmt: skip
    parser.add_argument("--seconds", type=positive, default=0.0, help="end the meters after so many seconds")


def run(parsed: argparse.Namespace) -> None:
    from perform.devices import device_lines

    print("\n".join(device_lines()))
    screen = sys.stdout.isatty()
    if screen if parsed.meters is None else parsed.meters:
        meters(parsed.seconds, screen=screen)


def meters(seconds: float, *, screen: bool) -> None:
    """Live until Ctrl-C on a terminal; elsewhere the loudest of the first second, or of `seconds`."""
    from perform.audio.meters import Meters
    from perform.devices import meter_lines
    from perform.engine.clock import machine_time

    plain = "utf" not in (sys.stdout.encoding or "").lower()
    source = Meters()
    print("\nlevels now, -60 to 0 dBFS" + ("  (Ctrl-C ends)" if screen else ""))
    began, drawn = machine_time(), 0
    loudest: Levels = {}
    limit = seconds or (0.0 if screen else 1.0)
    try:
        levels = source.read(PATIENCE)
        first = machine_time()
        while levels is not None and not (limit and machine_time() - first > limit):
            loudest = louder(loudest, levels)
            if screen:
                lines = meter_lines(levels, shutil.get_terminal_size().columns, plain=plain)
                sys.stdout.write(f"\x1b[{drawn}A" * bool(drawn) + "".join(f"{line}\x1b[K\n" for line in lines))
                sys.stdout.flush()
                drawn = len(lines)
            levels = source.read(2.0)
        if levels is None:
            print(f"  the sound system gave no levels ({machine_time() - began:.0f} s); restart the sound server")
        elif not screen:
            print("\n".join(meter_lines(loudest, plain=plain)))
    except KeyboardInterrupt:
        pass
    finally:
        source.close()


def louder(before: Levels, levels: Levels) -> Levels:
    """The higher of two readings, channel by channel."""
    out: Levels = {}
    for name, now in levels.items():
        then = before.get(name)
        if isinstance(now, list) and isinstance(then, list):
            out[name] = [max(pair) for pair in zip(then, now, strict=True)]
        else:
            out[name] = now
    return out
