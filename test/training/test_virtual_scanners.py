"""Each scanner changes the image, keeps its size, and does what its name says."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import rgb2hed

from test.rendering import render_tissue
from training.virtual_scanners import (
    AS_IT_IS,
    CHOOSING,
    REPORTING,
    chain,
    coarsen,
    compress,
    expose,
    focus,
    restain,
)

TISSUE, _ = render_tissue((201, 160), figures=2, seed=3)


@pytest.mark.parametrize("name", [*CHOOSING, *REPORTING])
def test_size_and_type_stay(name: str) -> None:
    scan = (CHOOSING | REPORTING)[name]
    result = scan(TISSUE.copy())
    assert result.shape == TISSUE.shape and result.dtype == np.uint8
    assert (name == AS_IT_IS) == np.array_equal(result, TISSUE)


def test_nothing_is_used_for_both() -> None:
    assert set(CHOOSING) & set(REPORTING) == {AS_IT_IS}


def test_stain() -> None:
    before, after = (rgb2hed(p)[..., 0].mean() for p in (TISSUE, restain(TISSUE, hematoxylin=0.7)))
    assert after == pytest.approx(0.7 * before, rel=0.15)


def test_light() -> None:
    grey = np.full((4, 4, 3), 100, np.uint8)
    np.testing.assert_array_equal(expose(grey, (1.2, 1.0, 0.5))[0, 0], [120, 100, 50])
    assert expose(grey, gamma=2.0)[0, 0, 0] == round(255 * (100 / 255) ** 2)


def test_focus_and_pixels() -> None:
    def detail(pixels: np.ndarray) -> float:
        return float(np.abs(np.diff(pixels.astype(float), axis=0)).mean())

    for soft in (focus(TISSUE, 1.5, -0.85), coarsen(TISSUE, 1.5)):
        assert detail(soft) < 0.9 * detail(TISSUE)
    assert detail(focus(TISSUE, 1.0, 0.8)) > 1.1 * detail(TISSUE)


def test_an_image_higher_than_a_jpeg_file_is_compressed_in_bands() -> None:
    tile = TISSUE[:176, :16]
    high = np.tile(tile, (400, 1, 1))
    result = compress(high, quality=95)
    assert result.shape == high.shape
    expected = np.tile(compress(tile, quality=95), (400, 1, 1))
    assert np.abs(result.astype(int) - expected).mean() < 1


def test_chain_goes_from_left_to_right() -> None:
    double = chain(lambda p: p // 2, lambda p: p + 1)
    assert double(np.full((1, 1, 3), 9, np.uint8))[0, 0, 0] == 5
