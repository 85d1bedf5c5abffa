"""Tiles in a wrong order are warned about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slide.read import read_image
from slide.tiff.seams import displaced
from test.rendering import PINK, PURPLE, Look, render_tissue
from test.slide.builders import patch_tag
from test.slide.tiff.builders import drop_segments, write
from test.slide.tiff.test_places import damage

RGB = render_tissue((380, 512), figures=0, seed=5)[0]  # 3 rows of 4 tiles
WARNING = "tiles do not continue their neighbours: their order, or width and height, may be wrong"
OPTIONS: dict[str, dict[str, Any]] = {
    "": {},
    "deflate": {"compression": "zlib"},
    "planes": {"planarconfig": "separate"},
    "JPEG": {"compression": "jpeg", "compressionargs": {"level": 40}},
}
options_of_tiles = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())


def exchange(offsets: list[int]) -> None:
    offsets[5], offsets[10] = offsets[10], offsets[5]


@options_of_tiles
def test_exchanged_tiles(tiff: Path, options: dict[str, Any]) -> None:
    pixels = np.moveaxis(RGB, -1, 0).copy() if "planarconfig" in options else RGB
    write(tiff, pixels, tile=(128, 128), **options)
    assert read_image(tiff).warnings == ()
    if not options:  # tiles of equal length
        damage(tiff, exchange)
        (warning,) = read_image(tiff).warnings
        assert warning.endswith(WARNING)


@options_of_tiles
def test_exchanged_width_and_height(tiff: Path, options: dict[str, Any]) -> None:
    pixels = np.moveaxis(RGB, -1, 0).copy() if "planarconfig" in options else RGB
    write(tiff, pixels, tile=(128, 128), **options)
    patch_tag(tiff, "ImageWidth", 384)
    patch_tag(tiff, "ImageLength", 512)
    assert read_image(tiff).warnings == (f"12 {WARNING}",)


@pytest.mark.parametrize("look", [PURPLE, PINK], ids=["purple", "pink"])
@pytest.mark.parametrize("side", [16, 48, 64, 200])
def test_tissue_continues(look: Look, side: int) -> None:
    pixels = render_tissue((500, 620), figures=0, seed=2, look=look)[0]
    assert not displaced(pixels, (side, side)).any()
    assert not displaced(pixels, (side, 2 * side)).any()


def test_tiles_that_were_left_out_are_not_compared(tiff: Path) -> None:
    write(tiff, RGB, tile=(128, 128))
    drop_segments(tiff, [1, 4, 6])
    (warning,) = read_image(tiff).warnings
    assert warning.startswith("3 of 12 tiles are left out of the file")


def test_tissue_among_glass_and_noise() -> None:
    noise = np.random.default_rng(0)
    pixels = noise.normal(242, 3, (600, 640, 3)).clip(0, 255).astype(np.uint8)
    assert not displaced(pixels, (64, 64)).any()
    pixels[100:480, 70:582] = RGB
    assert not displaced(pixels, (64, 64)).any()
