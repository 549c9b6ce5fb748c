"""`perform presets`: what presets there are by name."""

from __future__ import annotations

import argparse

from perform.engine.problems import UserError

ABOUT = "list the presets"


def arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(_: argparse.Namespace) -> None:
    from perform.engine import preset

    for name, path in preset.available().items():
        try:
            print(f"{name:16} {preset.read(path).about}")
        except UserError as error:
            print(f"{name:16} cannot be played: {error}")
