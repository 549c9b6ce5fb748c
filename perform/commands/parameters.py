"""`perform parameters`: everything that can be played, with its OSC address, span and default."""

from __future__ import annotations

import argparse

ABOUT = "list everything that can be played, with its OSC address"


def arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(_: argparse.Namespace) -> None:
    from perform.app import tree
    from perform.engine.parameters import address

    parameters = tree()
    for name in parameters.names():
        knob = parameters.knob(name)
        span = " | ".join(knob.choices) if knob.choices else f"{knob.low:g}..{knob.high:g} {knob.unit}".rstrip()
        if knob.kind == "text":
            span = "a word"
        default = knob.choices[int(knob.default)] if knob.choices else f"{knob.default:g}"
        print(f"{address(name):36} {span:28} ({default})  {knob.doc}")
