"""The blue ratio by its formula, and colours that no tissue has."""

from __future__ import annotations

import numpy as np
import pytest

from model.blue_ratio import Ratio, blue_ratio, tissue_ratio


def ratio_by_hand(red: int, green: int, blue: int, ratio: Ratio) -> float:
    if ratio == "simple":
        return blue / max(red + green, 1)
    return 100 * blue / (1 + red + green) * 256 / (1 + red + green + blue)


@pytest.mark.parametrize("ratio", ["simple", "full"])
def test_blue_ratio_pixel_by_pixel(ratio: Ratio) -> None:
    colours = [(0, 0, 0), (0, 0, 255), (255, 255, 255), (1, 0, 9), (130, 80, 160), (255, 0, 7)]
    pixels = np.array([colours], np.uint8)
    values = blue_ratio(pixels, ratio)
    assert values.dtype == np.float32 and values.shape == (1, len(colours))
    np.testing.assert_allclose(values[0], [ratio_by_hand(*c, ratio) for c in colours], rtol=1e-6)


def test_red_plus_green_does_not_overflow() -> None:
    pixels = np.full((1, 1, 3), (200, 200, 100), np.uint8)  # 400 is 144 in eight bits
    assert blue_ratio(pixels, "simple")[0, 0] == 0.25
    assert pixels.tolist() == [[[200, 200, 100]]]


@pytest.mark.parametrize("ratio", ["simple", "full"])
def test_colours_that_no_tissue_has_count_as_0(ratio: Ratio) -> None:
    ink = [(0, 0, 254), (0, 0, 40), (30, 30, 140), (60, 70, 190), (147, 100, 255)]
    tissue = [(130, 80, 160), (60, 30, 110), (235, 225, 240), (40, 20, 70), (148, 100, 255)]
    pixels = np.array([ink, tissue], np.uint8)
    values = tissue_ratio(pixels, ratio)
    assert not values[0].any()
    np.testing.assert_array_equal(values[1], blue_ratio(pixels, ratio)[1])
