"""`perform models`: what models there are by name."""

from __future__ import annotations

import argparse

ABOUT = "list the models that can be played"


def arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(_: argparse.Namespace) -> None:
    import models
    from models.checkpoints.io import read_header

    for name, about in models.available().items():
        print(f"{name:16} {about}")
    for name, path in models.imported().items():
        print(f"{name:16} {read_header(path).card.get('description', '')}, imported")
