"""Learning rate, reversal weight and the division into segments."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.recipe import Recipe
from training.schedules import (
    learning_rate,
    mining_steps,
    reversal_weight,
    segments,
    validation_steps,
)


def test_the_rate_rises_and_then_follows_a_cosine() -> None:
    recipe = Recipe(steps=110, warm_up=10, learning_rate=2.0)
    rates = [learning_rate(step, recipe) for step in range(110)]
    assert rates[:10] == pytest.approx([0.2 * (i + 1) for i in range(10)])
    assert rates[10] == 2 and rates[60] == pytest.approx(1) and rates[-1] < 0.002
    assert (np.diff(rates[10:]) < 0).all()


def test_the_rate_rises_and_then_stays() -> None:
    recipe = Recipe(steps=110, warm_up=10, schedule="constant", learning_rate=1.0)
    rates = [learning_rate(step, recipe) for step in range(110)]
    np.testing.assert_allclose(rates, [*np.arange(0.1, 1.0, 0.1), *[1.0] * 101])


def test_lambda_follows_ganin_s_schedule() -> None:
    recipe = Recipe(steps=100, reversal_weight=0.3)
    assert reversal_weight(0, recipe) == 0
    assert reversal_weight(100, recipe) == pytest.approx(0.3, abs=1e-4)
    assert reversal_weight(10, recipe) == pytest.approx(0.3 * math.tanh(0.5))


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (0, [(0, 3), (3, 7), (7, 10)]),
        (3, [(3, 7), (7, 10)]),
        (4, [(4, 7), (7, 10)]),
        (10, []),
    ],
)
def test_steps_are_divided_where_hard_negatives_are_mined(
    first: int, expected: list[tuple[int, int]]
) -> None:
    recipe = Recipe(steps=10, hard_negatives=5, mining_rounds=3)
    assert mining_steps(recipe) == [0, 3, 7]
    assert list(segments(first, recipe)) == expected


def test_without_hard_negatives_nothing_is_mined() -> None:
    recipe = Recipe(steps=10, mining_rounds=3)
    assert mining_steps(recipe) == [] and list(segments(0, recipe)) == [(0, 10)]


def test_validation_steps() -> None:
    assert validation_steps(Recipe(steps=10)) == {10}
    assert validation_steps(Recipe(steps=10, validate_every=4)) == {4, 8, 10}
