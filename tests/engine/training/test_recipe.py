"""Recipes: refused by field, and the same after a way through JSON."""

from __future__ import annotations

import json

import pytest

from tests.engine.training.colours import recipe
from vlclip.engine.encoding.model_files import SHIPPED, shipped_models
from vlclip.engine.errors import TrainingError
from vlclip.engine.training.recipe import read_recipe


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ('{"epochs": 0, "init": "x"}', "epochs"),
        ('{"epoch": 3, "init": "x"}', "epoch"),
        ("{}", "either `model`"),
        ('{"init": "x", "vocab_size": 5}', "vocab_size"),
        ('{"init": "x", "hard": 1.5}', "hard"),
        ('{"init": "x", "cache_chunk": 0}', "cache_chunk"),
    ],
)
def test_a_wrong_recipe_is_refused_by_field(tmp_path, content, message):
    path = tmp_path / "recipe.json"
    path.write_text(content)
    with pytest.raises(TrainingError, match=message):
        read_recipe(path)


def test_a_recipe_survives_the_way_through_json(tmp_path):
    path = tmp_path / "recipe.json"
    path.write_text(recipe().model_dump_json())
    assert read_recipe(path) == recipe()
    assert json.loads(path.read_text())["batch"] == 16


def test_the_recipes_of_shipped_models_can_be_read():
    recipes = [SHIPPED / name / "recipe.json" for name in shipped_models()]
    assert all(read_recipe(path).epochs for path in recipes if path.exists())
