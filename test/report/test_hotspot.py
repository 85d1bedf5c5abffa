"""The hotspot against a search over every pixel."""

from __future__ import annotations

import numpy as np
import pytest

from report.hotspot import AREA_MM2, hotspot


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("size", [(90, 80), (200, 30), (30, 200)])
def test_holds_as_many_points_as_any_rectangle(seed: int, size: tuple[int, int]) -> None:
    points = np.random.default_rng(seed).integers(0, size, (40, 2)).astype(float)
    found = hotspot(points, size, (25.0, 25.0))
    assert found.area_mm2 == pytest.approx(AREA_MM2)
    assert found.width * found.height * 0.025**2 == pytest.approx(AREA_MM2)
    counts = [
        ((points >= (x, y)) & (points <= (x + found.width, y + found.height))).all(axis=1).sum()
        for x in np.arange(0, size[0] - found.width + 1)
        for y in np.arange(0, size[1] - found.height + 1)
    ]
    assert found.figures >= max(counts, default=0)
    inside = (points >= (found.left, found.top)) & (
        points <= (found.left + found.width, found.top + found.height)
    )
    assert found.figures == inside.all(axis=1).sum()
    assert 0 <= found.left <= size[0] - found.width + 1e-6
    assert 0 <= found.top <= size[1] - found.height + 1e-6


def test_small_image_is_its_own_hotspot() -> None:
    found = hotspot(np.array([[1.0, 1], [99, 49]]), (100, 50), (0.25, 0.5))
    assert found == pytest.approx((0, 0, 100, 50, 100 * 50 * 0.125e-6, 2))


def test_no_point() -> None:
    assert hotspot(np.zeros((0, 2)), (9000, 9000), (0.25, 0.25)).figures == 0
