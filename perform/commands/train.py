"""`perform train`: a model by a recipe; `perform train list` says which there are.

The training instrument's recipes take pictures (--data), a network to go on with (--from), both or neither. A run may
be stopped at any moment: the same command goes on. Its folder has a sheet that is always the newest (sheet.png), the
losses (log.csv), a trajectory for `tune`, and at the end a network that can be played.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.training.method import Plan

ABOUT = "train a model by a recipe"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", help="for instance gan, cross-domain, loss-hack; list: all of them")
    parser.add_argument("--from", dest="parent", metavar="MODEL", help="the network to go on with: a name or a file")
    parser.add_argument("--critic", type=Path, metavar="FILE", help="what judges it (the one that lies beside MODEL)")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="pictures of any size; sub-folders are labels. Or bloom, styles, ...: drawn ones",
    )
    parser.add_argument("--size", type=whole, metavar="PIXELS", help="the side of the pictures: 32, 64, 128, ...")
    parser.add_argument("--steps", type=whole)
    parser.add_argument("--batch", type=whole, metavar="PICTURES")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="an option of the recipe")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--devices", type=whole, default=1, help="how many of them share the batch (1)")
    parser.add_argument("--precision", default="32", choices=["32", "bf16", "16"], help="of the sums (32)")
    parser.add_argument("-o", "--out", type=Path, metavar="FOLDER", help="training/RECIPE")
    parser.add_argument("--anew", action="store_true", help="begin again instead of going on from the last checkpoint")


def whole(text: str) -> int:
    """A whole number above 0. Raises argparse.ArgumentTypeError."""
    if not (text.isdigit() and 0 < int(text) < 1e9):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def run(parsed: argparse.Namespace) -> int:
    from models.checkpoints import Refused
    from models.training import load_recipe, recipe_names, train
    from models.training.method import Plan
    from perform.engine.problems import UserError

    if parsed.recipe == "list":
        for name in recipe_names():
            print(f"{name:14}{_about(name)}")
        return 0
    if parsed.recipe not in recipe_names():
        raise UserError(f"no recipe {parsed.recipe!r}; there are {', '.join(recipe_names())}")
    recipe = load_recipe(parsed.recipe)
    if not isinstance(recipe, Plan):
        print(train(parsed.recipe, parsed.out or Path("training"), resume=not parsed.anew))
        return 0
    from models.training.running import Halted

    try:
        _train(recipe, parsed.out or Path("training") / parsed.recipe, parsed)
    except (Refused, Halted) as error:
        if os.environ.get("LOCAL_RANK", "0") != "0":  # one of several devices' processes: the first one says it
            return 1
        if isinstance(error, Refused):
            raise UserError(str(error)) from error
        print(f"perform: training stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130
    return 0


def _train(recipe: Plan, out: Path, parsed: argparse.Namespace) -> None:
    """One run of the training instrument, with what it left."""
    import torch

    from perform.engine.problems import UserError

    try:
        from models.training.engine import leads
        from models.training.run import run as begin
    except ModuleNotFoundError as error:
        raise UserError(f"training needs {error.name}: pip install 'perform[train]'") from error
    wrong = [pair for pair in parsed.set if "=" not in pair]
    if wrong:
        raise UserError(f"--set takes NAME=VALUE, not {wrong[0]!r}; {recipe.name} has {', '.join(recipe.options)}")
    device = parsed.device if parsed.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    precision = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}[parsed.precision]
    if leads():  # on several devices this runs once on each of them
        print(f"{recipe.name}: {recipe.about}. Into {out}, look at {out / 'sheet.png'}", flush=True)
    result = begin(
        recipe, out, data=parsed.data, parent=parsed.parent, critic=parsed.critic, seed=parsed.seed,
        steps=parsed.steps, resolution=parsed.size, batch=parsed.batch, resume=not parsed.anew,
        options=dict(pair.split("=", 1) for pair in parsed.set), precision=precision, devices=parsed.devices,
        device=device,
    )  # fmt: skip
    if not leads():
        return
    said = ", ".join(f"{name} {value:.3f}" for name, value in result.losses.items())
    print(f"{result.steps} steps ({said or 'nothing left to do'}), {result.rollbacks} rollbacks")
    print(f"weights sha256 {result.hash}")
    print(f"trajectory {result.trajectory}")
    if result.weights is not None:
        print(f"play it: perform play --model {result.weights}")


def _about(name: str) -> str:
    """One line of a recipe."""
    from models.training import load_recipe
    from models.training.method import Plan

    recipe = load_recipe(name)
    return recipe.about if isinstance(recipe, Plan) else recipe.description
