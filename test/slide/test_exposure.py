"""Colours that are cut off at the brightest value, and little contrast."""

from __future__ import annotations

import numpy as np
import pytest

from slide.appearance import measure
from slide.exposure import brightness_range, clipped_share, deepest
from slide.quality import judge
from slide.tissue import find_tissue
from test.rendering import render_tissue

HAZY = "low contrast: faded, hazy, underexposed or hardly any cells"
MESSAGE = "overexposed: much of the tissue has a colour channel at its brightest"


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return render_tissue((800, 800), figures=0, seed=5)[0]


def brightened(pixels: np.ndarray, factors: tuple[float, float, float]) -> np.ndarray:
    return np.minimum(pixels * np.array(factors, np.float32), 255).astype(np.uint8)


@pytest.mark.parametrize("factors", [(1.25, 1.25, 1.25), (1.25, 1.0, 1.1)], ids=["all", "red"])
def test_an_overexposed_copy(pixels: np.ndarray, factors: tuple[float, float, float]) -> None:
    copy = brightened(pixels, factors)
    assert (clipped_share([copy]) or 0) > 0.2
    assert judge(measure(copy, find_tissue(copy, 0.25))) == [MESSAGE]


@pytest.mark.parametrize("brightest", [127, 160, 200])
def test_values_cut_off_below_255(pixels: np.ndarray, brightest: int) -> None:
    assert (clipped_share([np.minimum(pixels, brightest)]) or 0) > 0.2


def test_white_glass_is_not_overexposed(pixels: np.ndarray) -> None:
    glass = pixels.copy()
    glass[:, :500] = 255
    assert clipped_share([glass]) == pytest.approx(clipped_share([pixels[:, 500:]]), abs=0.02)
    assert judge(measure(glass, find_tissue(glass, 0.25))) == []


def test_a_few_bright_marks_hide_nothing(pixels: np.ndarray) -> None:
    copy = np.minimum(pixels, 200)
    expected = clipped_share([copy])
    copy[10:20, 10:20] = 255, 250, 255
    assert clipped_share([copy]) == pytest.approx(expected, abs=0.01)


def test_without_squares_or_colours() -> None:
    assert clipped_share([]) is None
    assert clipped_share([np.full((40, 40, 3), 255, np.uint8)]) == 0


def test_the_range_of_brightness(pixels: np.ndarray) -> None:
    whole = brightness_range([pixels[:400], pixels[400:]])
    assert whole is not None and whole > 110
    assert brightness_range([pixels // 2]) == pytest.approx(whole / 2, rel=0.1)
    assert brightness_range([]) is None
    assert brightness_range([np.full((40, 40, 3), 200, np.uint8)]) == 0


@pytest.mark.parametrize("share", [0.75, 0.8])
def test_haze_lifts_the_darkest_value(share: float) -> None:
    pixels = render_tissue((900, 1000), figures=4, seed=8)[0]
    assert (deepest([pixels]) or 255) < 48
    for white in (245, 255):
        hazy = (share * pixels + (1 - share) * white).astype(np.uint8)
        assert (deepest([hazy]) or 0) > 48
    assert judge(measure(pixels, find_tissue(pixels, 0.25))) == []
    assert judge(measure(hazy, find_tissue(hazy, 0.25))) == [HAZY]
    assert deepest([]) is None
