"""The tissue map as pixels: exact along black borders, and without pixels as pale as glass."""

from __future__ import annotations

import numpy as np
import pytest

from slide.pixel_mask import PixelMask
from slide.tissue import find_tissue
from test.rendering import render_tissue


def mask_of(pixels: np.ndarray) -> PixelMask:
    return PixelMask(pixels, find_tissue(pixels, 0.25))


def all_rows(pixels: np.ndarray) -> slice:
    return slice(0, len(pixels))


@pytest.fixture(scope="module")
def tissue() -> np.ndarray:
    return render_tissue((320, 400), figures=2, seed=6)[0]


@pytest.mark.parametrize("offset", [(0, 0), (7, 13), (16, 1), (333, 40)])
def test_black_borders_end_where_the_tissue_begins(
    tissue: np.ndarray, offset: tuple[int, int]
) -> None:
    top, left = offset[0] + 32, offset[1] + 32
    pixels = np.pad(tissue, ((top, 50), (left, 70), (0, 0)))
    excluded = mask_of(pixels).excluded(all_rows(pixels))
    expected = np.ones(pixels.shape[:2], bool)
    expected[top:-50, left:-70] = False
    assert (excluded != expected).mean() < 1e-4


@pytest.mark.parametrize("level", [180, 243])
@pytest.mark.parametrize("offset", [(0, 1), (5, 0), (9, 14), (100, 37)])
def test_the_same_pixels_are_tissue_wherever_it_lies(
    tissue: np.ndarray, offset: tuple[int, int], level: int
) -> None:
    top, left = offset
    pixels = np.full((320 + top + 60, 400 + left + 90, 3), level, np.uint8)
    pixels[top : top + 320, left : left + 400] = tissue
    expected = np.zeros(pixels.shape[:2], bool)
    expected[top : top + 320, left : left + 400] = mask_of(tissue).tissue(all_rows(tissue))
    found = mask_of(pixels).tissue(all_rows(pixels))
    assert (found & ~expected).sum() == 0
    assert (found != expected).sum() < 0.005 * expected.sum()


def test_pale_gaps_do_not_count(tissue: np.ndarray) -> None:
    pixels = tissue.copy()
    pixels[100:104, 50:300] = (240, 238, 241)  # 1 µm wide, too narrow for the map
    inside = mask_of(pixels).tissue(all_rows(pixels))
    assert not inside[100:104, 50:300].any()
    assert inside[105:120].mean() > 0.9


@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_some_rows_are_rows_of_the_whole(tissue: np.ndarray, step: int) -> None:
    pixels = np.pad(tissue, ((40, 0), (0, 61), (0, 0)))
    mask = mask_of(pixels)
    assert mask.excludes
    for method in (mask.tissue, mask.excluded):
        whole = method(all_rows(pixels))
        assert whole.shape == pixels.shape[:2]
        for top, bottom in ((0, 40), (21, 360), (100, 131)):
            some = method(slice(top, bottom, step))
            np.testing.assert_array_equal(some, whole[top:bottom:step])
