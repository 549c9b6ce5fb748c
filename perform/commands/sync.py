"""`perform sync`: make picture and sound fall together, by eye with a test screen or by ear with a microphone."""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from perform.commands.words import options, playing, positive

ABOUT = "set the offset between beat and picture, with a test screen or a microphone"

FRAME = 1000.0 / 60.0  # milliseconds: a picture is on its way for about one frame


def arguments(parser: argparse.ArgumentParser) -> None:
    playing(parser)
    parser.set_defaults(preset="sync")
    parser.add_argument("--bpm", type=positive, default=100.0, help="tempo of the clicks")
    parser.add_argument(
        "--microphone", nargs="?", const="", metavar="INPUT",
        help="measure the way of the sound instead, from the loudspeaker to this (or the default) input",
    )  # fmt: skip


def run(parsed: argparse.Namespace) -> int:
    return screen(parsed) if parsed.microphone is None else microphone(parsed.microphone)


def screen(parsed: argparse.Namespace) -> int:
    """The test screen with clicks, until it is left; keeps the offset that stands then.

    The clicks go the way of all sound: out of the loudspeaker and through the tracker. With `--audio` something else is
    listened to, for instance the metronome of the desk.
    """
    from perform.app import open_show
    from perform.audio.clicks import click_track
    from perform.audio.file import write_sound
    from perform.audio.track import RATE
    from perform.engine import settings

    print("comma and full stop move the beat by 5 ms; Esc Esc keeps the offset and ends")
    with tempfile.TemporaryDirectory(prefix="perform-sync-") as folder:
        clicks = Path(folder) / "clicks.wav"
        write_sound(clicks, click_track(parsed.bpm)[0], RATE)
        wanted = options(parsed)
        with open_show(replace(wanted, audio=wanted.audio or str(clicks))) as show:
            before = show.parameters.get("listen.offset_ms")
            show.engine.run(show.going)
            offset = show.parameters.get("listen.offset_ms")
    if offset != before:
        print(f"offset {offset:g} ms, kept in {settings.keep('listen.offset_ms', offset)}")
    else:
        print(f"offset {offset:g} ms, unchanged")
    return 0


def microphone(name: str) -> int:
    """The way of the sound by measurement; keeps what makes up for the way in and for one frame."""
    from perform.audio.roundtrip import CLICKS, measure
    from perform.engine import settings

    print("listening to clicks for 8 seconds; quiet please")
    trip = measure(name)
    offset = round(trip.into * 1000.0 + FRAME, 1)
    print(
        f"{trip.heard} of {CLICKS} clicks came back, after {trip.way * 1000:.1f} ms (spread {trip.spread * 1000:.2f})"
    )
    print(f"of this {trip.out * 1000:.1f} ms are the way out (says the driver), {trip.into * 1000:.1f} ms the way in")
    print(f"offset {offset:g} ms (way in and one frame), kept in {settings.keep('listen.offset_ms', offset)}")
    print("a projector's own lag cannot be heard: see it with `perform sync`")
    return 0
