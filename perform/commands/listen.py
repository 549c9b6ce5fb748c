"""`perform listen`: what the ear hears, live in the terminal, or a file as a picture of all features over time."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from perform.commands.words import positive

if TYPE_CHECKING:
    from perform.audio.portrait import Portrait

ABOUT = "show what the ear hears, live or as a picture"

LIVE, LINES = 18.0, 2.0  # times a second: a terminal, a log
STEP = 50.0  # times a second that a file is looked at for its picture


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "audio", nargs="?", metavar="FILE|DEVICE",
        help="a sound file, an input by its name (also NAME:3,4 or NAME:mix), 'track'; the default input if left out",
    )  # fmt: skip
    parser.add_argument("-o", "--out", type=Path, metavar="PNG", help="of a file: draw all features over time")
    parser.add_argument("--seconds", type=positive, default=0.0, help="stop after so many seconds")


def run(parsed: argparse.Namespace) -> int:
    return picture(parsed) if parsed.out is not None else live(parsed)


def live(parsed: argparse.Namespace) -> int:
    """Bars while it sounds; lines where the output is no terminal. A file is played to its end."""
    from perform.audio import terminal
    from perform.audio.ear import FileEar, open_ear
    from perform.engine.beat import BeatClock
    from perform.engine.clock import WallClock, sleep
    from perform.engine.problems import Problems
    from perform.engine.signals import Signals

    screen = sys.stdout.isatty()
    plain = "utf" not in (sys.stdout.encoding or "").lower()
    clock, problems = WallClock(LIVE if screen else LINES), Problems()
    length = parsed.seconds
    if parsed.audio and Path(parsed.audio).is_file() and not length:
        file = FileEar(parsed.audio)
        length = file.seconds + 2.0  # what comes out of a card comes a little later
        file.close()
    ear = open_ear(parsed.audio, clock, problems, loop=False)
    beat, signals = BeatClock(), Signals()
    try:
        with terminal_screen() if screen else no_screen():
            while not length or clock.now() < length:
                tick = clock.tick()
                events = beat.step(ear.poll(tick), tick)
                signals.update(events, tick.dt)
                pulses = [event.name for event in events if event.decay > 0]
                trouble = "".join(f"  {problem.text}" for problem in problems.current.values())
                if screen:
                    size = shutil.get_terminal_size()
                    title = f"{ear.health.text}{trouble}"
                    shown = terminal.frame(title, signals.values, frozenset(pulses), size, plain=plain)
                    sys.stdout.write("\x1b[H" + "\x1b[K\n".join(shown) + "\x1b[J")
                else:
                    sys.stdout.write(terminal.line(signals.values, pulses, tick.time) + trouble + "\n")
                sys.stdout.flush()
                sleep(clock.left())
    except (KeyboardInterrupt, BrokenPipeError):
        return 0
    finally:
        ear.close()
    return 0


def picture(parsed: argparse.Namespace) -> int:
    """A file heard as fast as it goes, drawn, and a few words about it."""
    from perform.audio.ear import FileEar, open_ear
    from perform.audio.portrait import Portrait
    from perform.audio.terminal import summary
    from perform.engine.beat import BeatClock
    from perform.engine.clock import FixedClock
    from perform.engine.problems import Problems, UserError
    from perform.engine.signals import Signals

    clock = FixedClock(STEP)
    ear = open_ear(parsed.audio, clock, Problems(), live=False, loop=False)
    if not isinstance(ear, FileEar):
        raise UserError("a picture is drawn of a sound file; give one")
    seconds = min(parsed.seconds or ear.seconds, ear.seconds)
    portrait, beat, signals = Portrait(ear.health.text, seconds), BeatClock(), Signals()
    try:
        for _ in range(max(1, round(seconds * STEP))):
            tick = clock.tick()
            events = beat.step(ear.poll(tick), tick)
            signals.update(events, tick.dt)
            portrait.take(events, ear.picture, tick.time)
    finally:
        ear.close()
    try:
        portrait.save(parsed.out)
    except OSError as error:
        raise UserError(f"{parsed.out} cannot be written: {error.strerror}; choose another place") from error
    print(f"{parsed.out}: {means(portrait)}; at the end {' '.join(summary(signals.values).split())}")
    return 0


def means(portrait: Portrait) -> str:
    """The mean of the main features, for a first look."""
    import numpy as np

    names = ("rms", "low", "mid", "high", "centroid", "flatness", "harmonic", "width", "density")
    said = [f"{name} {portrait.line(f'audio.{name}').mean():.2f}" for name in names]
    pulses = ("onset", "kick", "snare", "hat")
    counted = [f"{np.count_nonzero(portrait.pulses(f'audio.{name}'))} {name}s" for name in pulses]
    return ", ".join(said + counted)


@contextmanager
def terminal_screen() -> Iterator[None]:
    """The other screen of the terminal, without a cursor; everything as it was at the end."""
    sys.stdout.write("\x1b[?1049h\x1b[?25l\x1b[2J")
    try:
        yield
    finally:
        sys.stdout.write("\x1b[?25h\x1b[?1049l")
        sys.stdout.flush()


@contextmanager
def no_screen() -> Iterator[None]:
    """Nothing to prepare for lines."""
    yield
