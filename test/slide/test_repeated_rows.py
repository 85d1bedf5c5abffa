"""Rows and columns of pixels that repeat the one before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from slide.read import read_image
from slide.repeated_rows import repeated_rows_warning
from test.rendering import render_tissue
from training.tiff import write_tiff

MEANING = (
    "repeat the one before: enlarged without interpolation, or filled in where a scanner stalled"
)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return render_tissue((400, 500), figures=0, seed=3)[0]


def test_a_stalled_line_scanner(pixels: np.ndarray, tmp_path: Path) -> None:
    stalled = pixels.copy()
    stalled[300:] = stalled[299]
    write_tiff(tmp_path / "a.tif", stalled, 0.25)
    assert read_image(tmp_path / "a.tif").warnings == (f"100 rows of pixels {MEANING}",)


def test_columns(pixels: np.ndarray) -> None:
    stalled = pixels.copy()
    stalled[:, 100:110] = stalled[:, 99:100]
    assert repeated_rows_warning(stalled) == (f"10 columns of pixels {MEANING}",)


def test_enlarged_by_repeating_pixels(pixels: np.ndarray) -> None:
    (warning,) = repeated_rows_warning(pixels.repeat(2, axis=0).repeat(2, axis=1))
    assert warning == f"500 columns of pixels {MEANING}"


def test_a_few_rows_are_no_reason(pixels: np.ndarray) -> None:
    copy = pixels.copy()
    copy[10:15] = copy[9]
    assert repeated_rows_warning(copy) == ()


def test_glass_and_borders_repeat(pixels: np.ndarray) -> None:
    copy = pixels.copy()
    copy[:, :200] = 255
    copy[250:] = 0
    copy[250:, 100:300] = 240
    assert repeated_rows_warning(copy) == ()


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 400, 3), (400, 1, 3), (9, 9, 3)])
def test_small_images(shape: tuple[int, int, int]) -> None:
    assert repeated_rows_warning(np.zeros(shape, np.uint8)) == ()
