"""What rings surround: points and grids alike."""

from __future__ import annotations

import numpy as np
import pytest

from slide.rings import grid_inside, points_inside, within
from test.slide.test_regions_of_interest import star


@pytest.mark.parametrize("seed", range(4))
def test_points_and_grids_alike(seed: int) -> None:
    ring = star(seed, (50.3, 40.7), 45)
    x, y = np.linspace(-3, 103, 70), np.linspace(-2, 95, 60)
    rows, columns = np.indices((60, 70))
    inside = points_inside(ring, x[columns.ravel()], y[rows.ravel()]).reshape(60, 70)
    assert np.array_equal(grid_inside(ring, x, y), inside)
    assert 100 < inside.sum() < 4000


def test_the_part_of_a_grid_holds_all_that_is_surrounded() -> None:
    ring = star(1, (30.0, 20.0), 12)
    x, y = np.arange(60.0), np.arange(50.0)
    rows, columns = within(ring, x, y)
    whole = grid_inside(ring, x, y)
    part = np.zeros_like(whole)
    part[rows, columns] = grid_inside(ring, x[columns], y[rows])
    assert np.array_equal(part, whole) and whole.any()
    assert part[rows, columns].size < whole.size / 4


def test_a_square_holds_its_left_and_upper_border() -> None:
    ring = np.array([[1, 1], [3, 1], [3, 3], [1, 3]], float)
    inside = grid_inside(ring, np.arange(5.0), np.arange(5.0))
    assert np.argwhere(inside).tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]
