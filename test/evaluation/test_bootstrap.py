import math

import numpy as np
import pytest

from evaluation.bootstrap import draw, intervals, paired_differences, percentile_interval
from evaluation.metrics import pool, summary
from test.evaluation.scenes import crowded, row


@pytest.mark.parametrize(
    ("slides", "unit", "units"),
    [
        (["A", "A", "B", "B", "C", "D"], "slide", 4),
        (["A", "A", "B", "B", "C", "C"], "field", 6),
        (["A", "B", "C", "D", None], "field", 5),
        ([None, None], "field", 2),
    ],
)
def test_the_unit_is_the_slide_where_there_are_four(
    slides: list[str | None], unit: str, units: int
) -> None:
    drawn = draw(slides, resamples=50)
    assert (drawn.unit, drawn.units) == (unit, units)
    assert drawn.weights.shape == (50, len(slides))


def test_fields_of_a_slide_are_drawn_together_and_the_number_of_slides_stays() -> None:
    weights = draw(["A", "B", "A", "C", "D", "B"], resamples=200).weights
    np.testing.assert_array_equal(weights[:, 0], weights[:, 2])
    np.testing.assert_array_equal(weights[:, 1], weights[:, 5])
    assert (weights[:, [0, 1, 3, 4]].sum(axis=1) == 4).all()
    assert not (weights[:, 0] == weights[:, 3]).all()


def test_a_seed_repeats_its_draws_and_another_does_not() -> None:
    slides = [None] * 8
    np.testing.assert_array_equal(draw(slides, seed=3).weights, draw(slides, seed=3).weights)
    assert (draw(slides, seed=3).weights != draw(slides, seed=4).weights).any()


def test_the_interval_of_a_recall_is_that_of_a_binomial() -> None:
    """One figure a field, half of them found: recall is a mean of n draws of 0 or 1."""
    images = [row([0.0] * found, [0.9] * found, [0.0]) for found in (0, 1) for _ in range(50)]
    low, high = intervals(pool(images), draw([None] * 100, resamples=2000))["recall"]
    assert low == pytest.approx(0.5 - 1.96 * 0.05, abs=0.015)
    assert high == pytest.approx(0.5 + 1.96 * 0.05, abs=0.015)


def test_slides_of_like_fields_give_wider_intervals_than_fields() -> None:
    images = [row([0.0] * found, [0.9] * found, [0.0]) for found in (0, 1) * 3 for _ in range(10)]
    pooled = pool(images)
    slides = [f"slide {index // 10}" for index in range(60)]
    by_slide = intervals(pooled, draw(slides, resamples=300))["recall"]
    by_field = intervals(pooled, draw([None] * 60, resamples=300))["recall"]
    assert by_slide[1] - by_slide[0] > 2 * (by_field[1] - by_field[0])


def test_the_difference_of_a_run_to_itself_is_exactly_zero() -> None:
    pooled = pool([crowded(seed) for seed in range(6)])
    for difference in paired_differences(pooled, pooled, draw([None] * 6, resamples=100)).values():
        assert difference == (0.0, 0.0, 0.0)


def test_pairing_takes_out_what_the_images_share() -> None:
    """The other run misses one more figure in every image, though images differ widely."""
    figures = [100.0 * i for i in range(10)]
    images = [row(figures[: 1 + i], [0.9] * (1 + i), figures) for i in range(9)]
    others = [
        image._replace(points=image.points[1:], probabilities=np.full(i, 0.9))
        for i, image in enumerate(images)
    ]
    recall = paired_differences(pool(images), pool(others), draw([None] * 9, resamples=300))[
        "recall"
    ]
    assert recall == pytest.approx((0.1, 0.1, 0.1))
    low, high = intervals(pool(images), draw([None] * 9, resamples=300))["recall"]
    assert high - low > 0.2


def test_a_difference_is_this_run_minus_the_other() -> None:
    better, worse = row([0.0], [0.9], [0.0]), row([500.0], [0.9], [0.0])
    here, there = pool([better] * 3), pool([worse] * 3)
    difference = paired_differences(here, there, draw([None] * 3, resamples=100))
    assert difference["f1"].value == summary(here)["f1"] - summary(there)["f1"] == 1.0


def test_one_unit_has_no_interval() -> None:
    image = row([0.0], [0.9], [0.0])
    low, high = intervals(pool([image]), draw(["A"]))["f1"]
    assert math.isnan(low)
    assert math.isnan(high)


def test_resamples_without_a_value_are_left_out() -> None:
    assert percentile_interval(np.array([np.nan, 0.5, np.nan, 0.5])) == (0.5, 0.5)
    assert all(math.isnan(limit) for limit in percentile_interval(np.array([np.nan])))
