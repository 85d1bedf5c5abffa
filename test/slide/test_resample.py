"""Resampling keeps places, does not alias, and is bounded."""

from __future__ import annotations

import numpy as np
import pytest

from slide.image import ImageError
from slide.resample import resample
from test.slide.builders import HEIGHT, RGB, WIDTH


@pytest.mark.parametrize(
    ("mpp", "resampled"),
    [(0.23, False), (0.26, False), (0.275, False), (0.225, False), (0.28, True), (0.22, True)],
)
def test_resampling_starts_beyond_a_tenth(mpp: float, resampled: bool) -> None:
    result = resample(RGB, (mpp, 0.25))
    assert (result.pixels is not RGB) == resampled
    if not resampled:
        assert result.scale == (1.0, 1.0)


@pytest.mark.parametrize("mpp", [(0.5, 0.5), (0.1, 0.1), (0.4, 0.3), (0.15, 0.33), (0.137, 0.25)])
def test_a_dot_keeps_its_place(mpp: tuple[float, float]) -> None:
    dot = np.array([131.3, 77.8])  # px (x, y) of the input
    x, y = (np.arange(size) * axis for size, axis in zip((211, 163), mpp, strict=True))
    distance = np.hypot(*np.meshgrid(x - dot[0] * mpp[0], y - dot[1] * mpp[1]))
    glow = 255 - 200 * np.exp(-((distance / 1.5) ** 2))
    pixels = np.repeat(glow.round().astype(np.uint8)[..., None], 3, axis=-1)
    result = resample(pixels, mpp)
    height, width = result.pixels.shape[:2]
    assert (width, height) == (round(211 * mpp[0] / 0.25), round(163 * mpp[1] / 0.25))
    weight = 255.0 - result.pixels[..., 0]
    rows, columns = np.mgrid[:height, :width]
    found = np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()
    np.testing.assert_allclose(result.to_input(found[None])[0], dot, atol=0.03)


def test_corners_map_to_corners() -> None:
    result = resample(RGB, (0.5, 0.3))
    height, width = result.pixels.shape[:2]
    corners = np.array([[-0.5, -0.5], [width - 0.5, height - 0.5]])
    expected = [[-0.5, -0.5], [WIDTH - 0.5, HEIGHT - 0.5]]
    np.testing.assert_allclose(result.to_input(corners), expected, atol=1e-9)


def test_shrinking_does_not_alias() -> None:
    stripes = np.zeros((100, 100, 3), np.uint8)
    stripes[:, ::2] = 200
    pixels = resample(stripes, 0.1).pixels
    assert np.abs(pixels[5:-5, 5:-5].astype(int) - 100).max() <= 12


def test_resampling_to_a_bomb_is_refused() -> None:
    wide = np.broadcast_to(np.uint8(0), (8000, 8000, 3))
    with pytest.raises(
        ImageError, match=r"at 0.25 µm per pixel it has 32000x32000 pixels: cut out"
    ):
        resample(wide, 1.0)
