"""`perform devices`: what sound, MIDI and display devices there are."""

from __future__ import annotations

import argparse

ABOUT = "list sound, MIDI and display devices"


def arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(_: argparse.Namespace) -> None:
    from perform.devices import device_lines

    print("\n".join(device_lines()))
