"""Tiles in a wrong order are warned about."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile

from slide.read import read_image
from slide.tiff.seams import displaced
from test.rendering import PINK, PURPLE, Look, render_tissue
from test.slide.builders import patch_tag
from test.slide.tiff.builders import drop_segments, jfif, write
from test.slide.tiff.test_places import damage

RGB = render_tissue((380, 512), figures=0, seed=5)[0]  # 3 rows of 4 tiles
WARNING = "the order of tiles, or width and height, may be wrong"
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
    assert read_image(tiff).warnings == (f"neighbours do not continue 12 tiles: {WARNING}",)


@pytest.mark.parametrize("look", [PURPLE, PINK], ids=["purple", "pink"])
@pytest.mark.parametrize("side", [16, 48, 64, 200])
def test_tissue_continues(look: Look, side: int) -> None:
    pixels = render_tissue((500, 620), figures=0, seed=2, look=look)[0]
    assert not displaced(pixels, (side, side)).any()
    assert not displaced(pixels, (side, 2 * side)).any()


LARGE = render_tissue((640, 768), figures=0, seed=5, look=Look(noise=1.0))[0]


@pytest.mark.parametrize("by", [2, 3, 6, 11], ids=["two", "three", "a row", "nearly two rows"])
def test_all_tiles_shifted(tiff: Path, by: int) -> None:
    """Each continues its neighbours, but where the last follow the first."""
    write(tiff, LARGE, tile=(128, 128))
    assert read_image(tiff).warnings == ()
    with tifffile.TiffFile(tiff, mode="r+") as file:
        page = file.pages.first
        page.tags["TileOffsets"].overwrite([*page.dataoffsets[by:], *page.dataoffsets[:by]])
    (warning,) = read_image(tiff).warnings
    assert warning.endswith(WARNING)


def test_tissue_along_the_tiles_of_a_compressed_slide() -> None:
    """Every border is a step then, and none is unusual."""
    tiles = [
        np.asarray(PIL.Image.open(io.BytesIO(jfif(2)(tile))))
        for tile in LARGE[:576, :672].reshape(6, 96, 7, 96, 3).swapaxes(1, 2).reshape(-1, 96, 96, 3)
    ]
    pixels = np.stack(tiles).reshape(6, 7, 96, 96, 3).swapaxes(1, 2).reshape(576, 672, 3)
    assert not displaced(pixels, (96, 96)).any()


def test_tiles_that_were_left_out_are_not_compared(tiff: Path) -> None:
    write(tiff, RGB, tile=(128, 128))
    drop_segments(tiff, [1, 4, 6])
    (warning,) = read_image(tiff).warnings
    assert warning.startswith("the file leaves out 3 of 12 tiles")


def test_tissue_among_glass_and_noise() -> None:
    noise = np.random.default_rng(0)
    pixels = noise.normal(242, 3, (600, 640, 3)).clip(0, 255).astype(np.uint8)
    assert not displaced(pixels, (64, 64)).any()
    pixels[100:480, 70:582] = RGB
    assert not displaced(pixels, (64, 64)).any()
