"""Recipes. Walks the folder: a new file is covered as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from training_tools import pictures, tiny

from models import training
from models.checkpoints import io
from models.generators.style_modulated.config import Config
from models.generators.stylegan2 import StyleGAN2
from models.training import critics
from models.training.course import Course
from models.training.discriminator import Discriminator
from models.training.method import Plan
from models.training.recipe import Recipe
from models.training.run import Result, run
from models.training.running import Run

PLANS = [name for name in training.recipe_names() if isinstance(training.load_recipe(name), Plan)]
SMALL = {"channels": 8, "w_dim": 8, "z_dim": 8}
SIZE = 32


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What any recipe may want: labelled pictures, a parent with its critic beside it."""
    folder = tmp_path_factory.mktemp("wanted")
    for style in ("one", "other"):
        pictures(folder / "data" / style, 8)
    torch.manual_seed(1)
    network = StyleGAN2(
        Config(z_dim=8, w_dim=8, img_resolution=SIZE, channel_base=128, channel_max=8, mapping_layers=2)
    )
    io.save(folder / "parent.safetensors", network, {})
    critics.save(folder / "parent.critic.safetensors", Discriminator(SIZE, 128, 8), {})
    return {"data": folder / "data", "parent": folder / "parent.safetensors"}


def trained(name: str, out: Path, wanted: dict[str, Path], steps: int, **more: Any) -> Result:
    """A short run of any recipe, with what it wants."""
    plan = tiny(name, resolution=SIZE, save_every=2)
    given = {kind: wanted[kind] for kind in ("data", "parent") if kind in plan.wants}
    options = {key: value for key, value in SMALL.items() if key in plan.options}
    return run(plan, out, steps=steps, options=options, progress=False, **given, **more)  # type: ignore[arg-type]


def test_a_wrong_name_is_said() -> None:
    with pytest.raises(KeyError, match=r"no recipe 'fist-light'; there are .*first-light"):
        training.load_recipe("fist-light")


@pytest.mark.parametrize("name", training.recipe_names())
def test_a_recipe_has_the_name_of_its_file(name: str) -> None:
    recipe = training.load_recipe(name)
    assert isinstance(recipe, Recipe | Course | Plan)
    assert recipe.name == name


def test_there_are_those_of_the_instrument() -> None:
    assert {"gan", "cross-domain", "loss-hack"} <= set(PLANS)
    with pytest.raises(ValueError, match="it can want"):
        replace(tiny("gan"), wants=frozenset({"luck"}))
    with pytest.raises(ValueError, match="on_alarm is rollback or note"):
        replace(tiny("gan"), on_alarm="panic")


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_says_what_it_is(name: str) -> None:
    plan = training.load_recipe(name)
    assert isinstance(plan, Plan)
    assert plan.about
    assert "\n" not in plan.about
    assert len({knob.name for knob in plan.knobs}) == len(plan.knobs)
    assert "lr" in {knob.name for knob in plan.knobs}, "a rollback goes on with smaller steps through it"
    assert all(isinstance(value, bool | int | float | str) for value in plan.options.values())


@pytest.mark.parametrize("name", PLANS)
def test_a_method_keeps_its_promises(name: str, tmp_path: Path, wanted: dict[str, Path]) -> None:
    """What `models.training.method.Method` says, and: all that the next step depends on is in a checkpoint."""

    def look(state: Run) -> None:
        method = state.method
        assert method.shown in method.networks
        assert all(isinstance(value, float) for value in state.losses.values())
        z = torch.randn(3, method.z_dim, generator=torch.Generator().manual_seed(1))
        before, chance = state.hash(), torch.get_rng_state()
        made = method.pictures(z)
        assert made.shape == (3, 3, SIZE, SIZE)
        assert torch.equal(made, method.pictures(z))
        assert not made.requires_grad
        assert (state.hash(), state.method.shown) == (before, method.shown)
        assert torch.equal(torch.get_rng_state(), chance)

    whole = trained(name, tmp_path / "whole", wanted, 4, on_step=look)
    trained(name, tmp_path / "cut", wanted, 2)
    again = trained(name, tmp_path / "cut", wanted, 4)
    assert again.hash == whole.hash
    assert (tmp_path / "cut" / "log.csv").read_bytes() == (tmp_path / "whole" / "log.csv").read_bytes()
    assert whole.hash != torch.load(tmp_path / "whole" / "checkpoints" / "start.pt", weights_only=True)["hash"]
    assert whole.weights is not None
    assert io.load(whole.weights).img_resolution >= SIZE
