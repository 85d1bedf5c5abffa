"""Recipes from presets."""

from __future__ import annotations

import pytest

from training.mixture import Mixture
from training.recipe import Recipe


def test_a_recipe_comes_from_a_preset_and_goes_into_the_card() -> None:
    recipe = Recipe.from_dict({"steps": 5, "mixture": {"size": 9}, "augmentation": {"noise": 1.0}})
    assert recipe.augmentation is not None
    assert (recipe.steps, recipe.mixture.size, recipe.augmentation.noise) == (5, 9, 1.0)
    assert Recipe.from_dict({"augmentation": False}).augmentation is None
    assert Recipe.from_dict(recipe.as_dict()) == recipe


def test_wrong_recipes() -> None:
    with pytest.raises(TypeError, match="'stepz'"):
        Recipe.from_dict({"stepz": 5})
    with pytest.raises(ValueError, match="unknown schedule 'linear': choose from cosine, constant"):
        Recipe.from_dict({"schedule": "linear"})


def test_epochs_decide_steps_and_validations() -> None:
    recipe = Recipe(epochs=3, mixture=Mixture(size=10)).for_samples(59)
    assert (recipe.steps, recipe.validate_every) == (15, 5)
    assert Recipe(steps=7).for_samples(59).steps == 7
