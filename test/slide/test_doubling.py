"""Images of exactly twice the size are noticed, others are not."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from scipy import ndimage

from experiments.image_limits import scaled
from slide.doubling import MAX_DOUBLING, doubling
from slide.interpolation import interpolation_warning
from test.rendering import render_tissue
from test.slide.builders import as_jpeg
from test.slide.test_interpolation import METHODS
from test.slide.test_tissue import glass

DATA = os.environ.get("MITOSIS_DATA")


@pytest.fixture(scope="module")
def field() -> np.ndarray:
    return render_tissue((600, 700), figures=4, seed=8)[0]


@pytest.mark.parametrize("method", [*METHODS, PIL.Image.Resampling.NEAREST])
def test_twice_the_size(field: np.ndarray, method: PIL.Image.Resampling) -> None:
    copy = scaled(field, 2, method)
    beside = np.concatenate([copy, glass(copy.shape[:2], 242, 2)], axis=1)
    for pixels in (copy, copy[1:, 1:], beside):
        assert doubling(pixels) > 10 * MAX_DOUBLING
        assert len(interpolation_warning(pixels)) == 1


def test_other_grids_and_sides(field: np.ndarray) -> None:
    wider = np.asarray(PIL.Image.fromarray(field).resize((1400, 600), METHODS[1]))
    for pixels in (ndimage.zoom(field, (2, 2, 1), order=1), wider, wider.swapaxes(0, 1)):
        assert doubling(pixels) > MAX_DOUBLING


def test_pixels_of_a_scanner(field: np.ndarray) -> None:
    with_glass = np.concatenate([field, np.full_like(field, 255)], axis=1)
    for pixels in (field, field[::2, ::2], with_glass, as_jpeg(field, 75), as_jpeg(field, 30)):
        assert doubling(pixels) < MAX_DOUBLING / 2


@pytest.mark.parametrize("size", [(1, 1), (5, 400), (20, 20)])
def test_too_small_to_say(size: tuple[int, int]) -> None:
    assert doubling(np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)) == 0
    assert doubling(glass((300, 300), 242, 2)) == 0


@pytest.mark.skipif(DATA is None, reason="MITOSIS_DATA names the folder of real tissue")
def test_real_fields() -> None:
    for file in sorted((Path(str(DATA)) / "fields_a" / "images").iterdir())[::6]:
        pixels = np.asarray(PIL.Image.open(file).convert("RGB"))
        assert doubling(pixels) < MAX_DOUBLING
        for method in METHODS:
            assert doubling(scaled(pixels[:500, :500], 2, method)) > 10 * MAX_DOUBLING
