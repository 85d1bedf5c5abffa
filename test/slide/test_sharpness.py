"""Sharpness along rows and columns, and the finest details."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, uniform_filter1d

from slide.sharpness import fineness, sharpness, sharpness_along
from test.rendering import render_tissue


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return render_tissue((500, 500), figures=0, seed=5)[0]


def test_a_blurred_copy_is_less_sharp_in_both_directions(pixels: np.ndarray) -> None:
    blurred = gaussian_filter(pixels, (3, 3, 0))
    assert sharpness(blurred) < 0.8 * sharpness(pixels)
    assert fineness(blurred) < fineness(pixels)
    rows, columns = sharpness_along([blurred])
    assert rows == pytest.approx(columns, rel=0.25)


@pytest.mark.parametrize("axis", [0, 1])
def test_movement_blurs_one_direction(pixels: np.ndarray, axis: int) -> None:
    along = sharpness_along([uniform_filter1d(pixels, 11, axis=axis)])
    assert along[axis] < 0.8 * along[1 - axis]


def test_sharpness_does_not_depend_on_contrast(pixels: np.ndarray) -> None:
    half = (60 + 0.5 * pixels.astype(np.float32)).astype(np.uint8)
    assert sharpness(half) == pytest.approx(sharpness(pixels), rel=0.05)


def test_one_colour() -> None:
    assert sharpness(np.full((40, 40, 3), 200, np.uint8)) == 0
