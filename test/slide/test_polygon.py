"""Polygons: what overlapping holes leave of them, and whether they fit an image."""

from __future__ import annotations

import numpy as np

from slide.polygon import Polygon


def rectangle(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


HOLES = rectangle(20, 30, 30, 40), rectangle(25, 35, 40, 50), rectangle(45, 25, 60, 29)
HOLED = Polygon((rectangle(10, 20, 50, 60), *HOLES))  # two holes overlap, one leaves the polygon


def test_what_any_hole_surrounds_is_outside() -> None:
    x, y = np.arange(70) + 0.5, np.arange(80) + 0.5
    expected = np.zeros((80, 70), bool)
    expected[20:60, 10:50] = True
    for left, top, right, bottom in ((20, 30, 30, 40), (25, 35, 40, 50), (45, 25, 60, 29)):
        expected[top:bottom, left:right] = False
    assert np.array_equal(HOLED.grid(x, y), expected)
    rows, columns = np.indices((80, 70))
    assert np.array_equal(HOLED.contains(x[columns.ravel()], y[rows.ravel()]), expected.ravel())


def test_a_polygon_fits_an_image_that_holds_nearly_all_of_it() -> None:
    assert HOLED.extent == "x 10 to 60, y 20 to 60"
    assert HOLED.fits((60, 60)) and HOLED.fits((58, 58)) and not HOLED.fits((57, 60))


def test_the_area_of_the_outline() -> None:
    assert HOLED.outline_area == 1600
    triangle = np.array([[1e6, 0], [1e6 + 30, 0], [1e6, 20]])
    for ring in (triangle, triangle[::-1], np.concatenate([triangle, triangle[:1]])):
        assert Polygon((ring,)).outline_area == 300
