"""Training: recipes, losses, data, augmentation. Runs in a process of its own; see `train`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def train(recipe_name: str, out_dir: str | Path, resume: bool = True, bf16: bool | None = None, progress: bool = True) -> Path:
    """Train a recipe (the file `models/training/<recipe_name>.py`) and give the path of the finished weights.

    Continues from `out_dir`/checkpoint.pt if `resume` and there is one. `bf16`: None asks the processor. KeyError for an
    unknown recipe; FloatingPointError if the numbers run away; OSError if the folder cannot be written.
    """
    from pathlib import Path

    from models.generators import has_fast_bf16
    from models.training import loop

    recipe = load_recipe(recipe_name)
    folder = Path(out_dir)
    loop.run(recipe, folder, resume, has_fast_bf16() if bf16 is None else bf16, progress=progress)
    return folder / "checkpoint.pt"


def load_recipe(name: str):
    from importlib import import_module

    return import_module("models.training." + name.replace("-", "_")).RECIPE
