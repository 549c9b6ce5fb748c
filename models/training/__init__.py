"""Training: recipes, losses, data, augmentation. It runs in a process of its own; see `train`.

A recipe is a file of `models/training/recipes` with a `RECIPE` in it; its name is the file's, with dashes. It is a
`Plan` of the training instrument (see `models.training.run`), a `Recipe` (a critic and pictures, from nothing) or a
`Course` (a relative of a shipped network, taught to draw).
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.training.course import Course
    from models.training.method import Plan
    from models.training.recipe import Recipe


def recipe_names() -> tuple[str, ...]:
    """The names of the recipes here. Imports nothing."""
    files = sorted((Path(__file__).parent / "recipes").glob("*.py"))
    return tuple(f.stem.replace("_", "-") for f in files if "\nRECIPE = " in f.read_text(encoding="utf-8"))


def load_recipe(name: str) -> Recipe | Course | Plan:
    """The recipe of that name; KeyError names those there are."""
    if name not in recipe_names():
        raise KeyError(f"no recipe {name!r}; there are {', '.join(recipe_names())}")
    recipe: Recipe | Course | Plan = import_module(f"{__name__}.recipes.{name.replace('-', '_')}").RECIPE
    return recipe


def train(
    recipe_name: str, out_dir: str | Path, resume: bool = True, bf16: bool | None = None, progress: bool = True
) -> Path:
    """Train a recipe and give the path of the finished weights, `out_dir`/<recipe_name>.safetensors.

    Continues from `out_dir`/checkpoint.pt if `resume` and there is one; it may be killed at any moment. `bf16`: None
    asks the processor. KeyError for an unknown recipe; FloatingPointError if the numbers run away; OSError if the
    folder cannot be written.
    """
    from models.generators import has_fast_bf16
    from models.training import export, loop, teaching
    from models.training.course import Course
    from models.training.method import Plan

    recipe = load_recipe(recipe_name)
    folder = Path(out_dir)
    if isinstance(recipe, Plan):
        raise TypeError(f"{recipe_name} is a recipe of the training instrument: models.training.run.run begins it")
    fast = has_fast_bf16() if bf16 is None else bf16
    if isinstance(recipe, Course):
        state = teaching.run(recipe, folder, resume, fast, progress=progress)
        return teaching.export(recipe, state, folder / f"{recipe.name}.safetensors")
    loop.run(recipe, folder, resume, fast, progress=progress)
    return export.export(recipe, folder / "checkpoint.pt", folder / f"{recipe.name}.safetensors")
