"""Recipes. Walks the folder: a new file is covered as it is."""

from __future__ import annotations

import pytest

from models import training
from models.training.course import Course
from models.training.method import Plan
from models.training.recipe import Recipe


def test_a_wrong_name_is_said() -> None:
    with pytest.raises(KeyError, match=r"no recipe 'fist-light'; there are .*first-light"):
        training.load_recipe("fist-light")


@pytest.mark.parametrize("name", training.recipe_names())
def test_a_recipe_has_the_name_of_its_file(name: str) -> None:
    recipe = training.load_recipe(name)
    assert isinstance(recipe, Recipe | Course | Plan)
    assert recipe.name == name
