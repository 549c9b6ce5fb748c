"""`perform play`: a preset, live, in a window, on a projector or offscreen."""

from __future__ import annotations

import argparse

from perform.commands.words import options, playing

ABOUT = "play a preset in a window, live"


def arguments(parser: argparse.ArgumentParser) -> None:
    playing(parser)


def run(parsed: argparse.Namespace) -> int:
    from perform.app import play

    return play(options(parsed))
