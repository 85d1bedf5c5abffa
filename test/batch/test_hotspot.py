"""The hotspot against a search over every pixel."""

from __future__ import annotations

import numpy as np
import pytest

from batch.hotspot import AREA_MM2, hotspot


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("size", [(90, 80), (200, 30), (30, 200)])
def test_holds_as_many_points_as_any_rectangle(seed: int, size: tuple[int, int]) -> None:
    points = np.random.default_rng(seed).integers(0, size, (40, 2)).astype(float)
    found = hotspot(points, size, (25.0, 25.0))
    assert found.area_mm2 == pytest.approx(AREA_MM2)
    assert found.width * found.height * 0.025**2 == pytest.approx(AREA_MM2)
    corners = points + 0.5
    counts = [
        ((corners >= (x, y)) & (corners <= (x + found.width, y + found.height))).all(axis=1).sum()
        for x in (*np.arange(0, size[0] - found.width + 1, 0.5), size[0] - found.width)
        for y in (*np.arange(0, size[1] - found.height + 1, 0.5), size[1] - found.height)
    ]
    assert found.figures >= max(counts, default=0)
    assert found.figures == found.holds(points).sum()
    assert -1e-9 <= found.left <= size[0] - found.width + 1e-9
    assert -1e-9 <= found.top <= size[1] - found.height + 1e-9


def test_order_of_the_points_does_not_matter() -> None:
    generator = np.random.default_rng(1)
    points = generator.integers(0, 20000, (300, 2)).astype(float)
    found = hotspot(points, (20000, 20000), (0.25, 0.25))
    assert found == hotspot(generator.permutation(points), (20000, 20000), (0.25, 0.25))


def test_figures_are_in_its_middle_and_it_is_inside_the_image() -> None:
    found = hotspot(np.array([[9999.5, 4999.5], [10099.5, 5199.5]]), (40000, 40000), (0.25, 0.25))
    assert (found.left + found.width / 2, found.top + found.height / 2) == pytest.approx(
        (10050, 5100)
    )
    assert found.width / found.height == pytest.approx(4 / 3)
    corner = hotspot(np.array([[1.0, 39999.0]]), (40000, 40000), (0.25, 0.25))
    assert (corner.left, corner.top + corner.height) == pytest.approx((0, 40000))


def test_small_image_is_its_own_hotspot() -> None:
    found = hotspot(np.array([[1.0, 1], [99, 49]]), (100, 50), (0.25, 0.5))
    assert list(found) == pytest.approx([0, 0, 100, 50, 100 * 50 * 0.125e-6, 2])


def test_no_point() -> None:
    assert hotspot(np.zeros((0, 2)), (9000, 9000), (0.25, 0.25)).figures == 0
