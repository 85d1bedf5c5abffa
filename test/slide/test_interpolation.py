"""Enlarged images are noticed, whatever the method and the factor; others are not."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from experiments.image_limits import scaled
from slide.interpolation import MAX_PERIODICITY, interpolation_warning, periodicity
from slide.read import read_image
from test.rendering import render_tissue
from test.slide.builders import as_jpeg
from test.slide.test_tissue import glass

DATA = os.environ.get("MITOSIS_DATA")
METHODS = (
    PIL.Image.Resampling.BILINEAR, PIL.Image.Resampling.BICUBIC, PIL.Image.Resampling.LANCZOS,
)  # fmt: skip


@pytest.fixture(scope="module")
def field() -> np.ndarray:
    return render_tissue((800, 900), figures=4, seed=8)[0]


def test_pixels_of_a_scanner(field: np.ndarray) -> None:
    with_glass = np.concatenate([field, glass(field.shape[:2], 242, 2)], axis=1)
    white = np.full_like(field, 255)
    white[100:, 200:] = field[100:, 200:]
    for pixels in (field, field[:450, :500], with_glass, white, as_jpeg(field, 50)):
        assert interpolation_warning(pixels) == ()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("factor", [1.2, 1.25, 4 / 3, 1.5, 1.75])
def test_enlarged(field: np.ndarray, factor: float, method: PIL.Image.Resampling) -> None:
    copy = scaled(field, factor, method)
    (warning,) = interpolation_warning(copy)
    assert warning.startswith("the pixels were interpolated")
    beside = np.concatenate([copy, np.full_like(copy, 255)], axis=1)
    assert interpolation_warning(beside) == (warning,)


@pytest.mark.parametrize("size", [(1350, 800), (900, 1200)])
def test_enlarged_along_one_side(field: np.ndarray, size: tuple[int, int]) -> None:
    assert interpolation_warning(np.asarray(PIL.Image.fromarray(field).resize(size, METHODS[1])))


def test_too_small_to_say(field: np.ndarray) -> None:
    assert periodicity(scaled(field[:200, :200], 1.5)) == 0
    assert periodicity(np.full((500, 500, 3), 200, np.uint8)) < MAX_PERIODICITY


def test_an_enlarged_file(tmp_path: Path, field: np.ndarray) -> None:
    for pixels, expected in ((field, 0), (scaled(field, 1.5), 1)):
        PIL.Image.fromarray(pixels).save(tmp_path / "a.png")
        warnings = read_image(tmp_path / "a.png", 0.25).warnings
        assert sum("interpolated" in warning for warning in warnings) == expected


@pytest.mark.skipif(DATA is None, reason="MITOSIS_DATA names the folder of real tissue")
def test_real_fields() -> None:
    for file in sorted((Path(str(DATA)) / "fields_a" / "images").iterdir())[::6]:
        pixels = np.asarray(PIL.Image.open(file).convert("RGB"))
        assert interpolation_warning(pixels) == ()
        assert interpolation_warning(scaled(pixels[:900, :900], 1.5))
        assert interpolation_warning(as_jpeg(scaled(pixels[:900, :900], 1.5), 90))
