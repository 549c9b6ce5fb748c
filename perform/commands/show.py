"""`perform show`: the front door. Plays where there is a display, and draws a film where there is none."""

from __future__ import annotations

import argparse
from pathlib import Path

from perform.commands import render
from perform.commands.words import options, playing

ABOUT = "play if there is a display, else draw the show into show.mp4"


def arguments(parser: argparse.ArgumentParser) -> None:
    playing(parser)


def run(parsed: argparse.Namespace) -> int:
    from perform.app import has_display, play

    if has_display() and not parsed.offscreen:
        return play(options(parsed))
    print("There is no display here, so the show is drawn into show.mp4, with a contact sheet in show.png.")
    parsed.track, parsed.out, parsed.sheet = parsed.audio or "track", Path("show.mp4"), Path("show.png")
    parsed.size, parsed.fps, parsed.seconds = (960, 540), 30.0, parsed.seconds or 24.0
    return render.run(parsed)
