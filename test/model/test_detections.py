"""Merging: a second derivation without a tree, ties, and the radius itself."""

from __future__ import annotations

import numpy as np
import pytest

from model.detections import MERGE_RADIUS_UM, merge


def merge_by_hand(points: np.ndarray, probabilities: np.ndarray, radius: float) -> list[int]:
    left = list(range(len(points)))
    kept = []
    while left:
        best = min(left, key=lambda i: (-probabilities[i], points[i, 1], points[i, 0]))
        kept.append(best)
        left = [
            i for i in left
            if (points[i, 0] - points[best, 0]) ** 2 + (points[i, 1] - points[best, 1]) ** 2
            > radius**2
        ]  # fmt: skip
    return kept


@pytest.mark.parametrize("seed", range(20))
def test_against_brute_force(seed: int) -> None:
    """On a grid of 2.5 µm, so that distances of exactly the radius and ties are frequent."""
    random = np.random.default_rng(seed)
    grid = random.permutation(400)[: random.integers(1, 120)]
    points = np.stack(np.divmod(grid, 20), axis=1) * 2.5
    probabilities = random.integers(0, 5, len(points)) / 4
    kept = merge(points, probabilities)
    assert kept.dtype == np.int64
    assert kept.tolist() == merge_by_hand(points, probabilities, MERGE_RADIUS_UM)


@pytest.mark.parametrize(("distance", "kept"), [(7.5, [0]), (np.nextafter(7.5, 8), [0, 1])])
def test_exactly_the_radius_is_within(distance: float, kept: list[int]) -> None:
    along_x = np.array([[0.0, 0.0], [distance, 0.0]])
    for points in (along_x, along_x[:, ::-1].copy()):
        assert merge(points, np.array([0.9, 0.8])).tolist() == kept


def test_exactly_the_radius_on_the_diagonal() -> None:
    points = np.array([[10.0, 10.0], [14.5, 16.0]])  # 4.5, 6.0, 7.5
    assert merge(points, np.array([0.1, 0.8])).tolist() == [1]


def test_point_that_went_suppresses_nothing() -> None:
    points = np.array([[0.0, 0.0], [6.0, 0.0], [12.0, 0.0]])
    assert merge(points, np.array([0.9, 0.8, 0.7])).tolist() == [0, 2]


@pytest.mark.parametrize(
    ("points", "first"),
    [
        ([[0.0, 5.0], [3.0, 2.0]], 1),  # smaller y
        ([[3.0, 2.0], [0.0, 2.0]], 1),  # smaller x
        ([[1.0, 2.0], [1.0, 2.0]], 0),  # one and the same place
    ],
)
def test_ties_go_to_the_smaller_y_then_x(points: list[list[float]], first: int) -> None:
    assert merge(np.array(points), np.array([0.5, 0.5])).tolist() == [first]


def test_order_of_the_points_does_not_matter() -> None:
    random = np.random.default_rng(3)
    points, probabilities = random.uniform(0, 50, (60, 2)), random.integers(0, 4, 60) / 3
    kept = points[merge(points, probabilities)]
    shuffled = random.permutation(60)
    again = points[shuffled][merge(points[shuffled], probabilities[shuffled])]
    np.testing.assert_array_equal(again, kept)


def test_most_probable_first() -> None:
    points = np.array([[0.0, 0.0], [100.0, 0.0], [200.0, 0.0]])
    assert merge(points, np.array([0.2, 0.9, 0.5])).tolist() == [1, 2, 0]


def test_no_point() -> None:
    kept = merge(np.zeros((0, 2)), np.zeros(0))
    assert kept.shape == (0,) and kept.dtype == np.int64
