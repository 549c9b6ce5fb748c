"""`perform train`: a model by a recipe."""

from __future__ import annotations

import argparse
from pathlib import Path

ABOUT = "train a model by a recipe"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", help="for instance first-light")
    parser.add_argument("-o", "--out", type=Path, default=Path("training"))
    parser.add_argument("--anew", action="store_true", help="begin again instead of going on from the last checkpoint")


def run(parsed: argparse.Namespace) -> None:
    from models.training import train

    print(train(parsed.recipe, parsed.out, resume=not parsed.anew))
