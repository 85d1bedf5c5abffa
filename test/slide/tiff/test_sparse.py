"""Tiles and strips that are left out of a file are white glass."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as Picture

from slide.read import read_image
from test.slide.builders import assert_refused
from test.slide.tiff.builders import RGB, YCBCR, drop_segments, j2k, write, write_encoded

TILED: dict[str, Any] = {"tile": (64, 64)}  # 3 rows of 4
LAYOUTS: dict[str, dict[str, Any]] = {
    "raw tiles": TILED,
    "deflate tiles": {"compression": "zlib", **TILED},
    "zstd tiles": {"compression": "zstd", **TILED},
    "JPEG tiles": {"compression": "jpeg", **TILED},
    "JPEG 4:2:0 tiles": {"compression": "jpeg", "subsampling": (2, 2), **TILED},
    "JPEG 2000 tiles": {"compression": "jpeg2000", **TILED},
    "raw strips": {"rowsperstrip": 13},
    "LZW strips": {"rowsperstrip": 13, "compression": "lzw"},
    "JPEG strips": {"rowsperstrip": 16, "compression": "jpeg"},
}


@pytest.mark.parametrize("options", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_missing_segments_are_white_and_the_others_as_they_were(
    tiff: Path, options: dict[str, Any]
) -> None:
    write(tiff, **options)
    expected = read_image(tiff).pixels.copy()
    height, width = options.get("tile", (options.get("rowsperstrip"), RGB.shape[1]))
    columns = -(-RGB.shape[1] // width)
    missing = [1, 5, 8]
    for row, column in (divmod(index, columns) for index in missing):
        expected[row * height :, column * width :][:height, :width] = 255
    drop_segments(tiff, missing)
    image = read_image(tiff)
    np.testing.assert_array_equal(image.pixels, expected)
    total = columns * -(-RGB.shape[0] // height)
    kind = "tiles" if "tile" in options else "strips"
    assert image.warnings == (f"the file leaves out 3 of {total} {kind}: taken as white glass",)


@pytest.mark.parametrize("compression", ["zlib", "jpeg"])
def test_openslide_shows_the_same(tiff: Path, compression: str) -> None:
    """To OpenSlide a missing tile is transparent, and its viewers put white behind it."""
    openslide = pytest.importorskip("openslide")
    write(tiff, compression=compression, **TILED)
    drop_segments(tiff, [1, 5, 8])
    with openslide.OpenSlide(tiff) as slide:
        region = slide.read_region((0, 0), 0, slide.dimensions)
    white = Picture.new("RGBA", region.size, (255, 255, 255, 255))
    expected = np.asarray(Picture.alpha_composite(white, region).convert("RGB"))
    assert np.abs(read_image(tiff).pixels.astype(int) - expected).mean() < 2


def test_aperio_s_jpeg2000_with_a_missing_tile(tiff: Path) -> None:
    write_encoded(tiff, j2k(), 33003, 2, YCBCR)
    whole = read_image(tiff).pixels
    drop_segments(tiff, [0])
    pixels = read_image(tiff).pixels
    assert (pixels[:64, :64] == 255).all()
    np.testing.assert_array_equal(pixels[64:], whole[64:])


def test_planar_tiles_are_missing_in_all_planes_or_refused(tiff: Path) -> None:
    planes = np.moveaxis(RGB, -1, 0).copy()
    write(tiff, planes, planarconfig="separate", **TILED)
    drop_segments(tiff, [2, 14, 26])  # of 12 tiles a plane
    image = read_image(tiff)
    assert (image.pixels[:64, 128:192] == 255).all()
    np.testing.assert_array_equal(image.pixels[64:], RGB[64:])
    assert image.warnings[0].startswith("the file leaves out 1 of 12 tiles")
    drop_segments(tiff, [3])
    assert_refused(tiff, "some of its colour planes are left out")


def test_a_missing_tile_of_another_fill_value(tiff: Path) -> None:
    """GDAL states what missing tiles hold; glass is white all the same."""
    write(tiff, **TILED, extratags=[(42113, "s", 2, "0", True)])  # GDAL_NODATA
    drop_segments(tiff, [4])
    assert (read_image(tiff).pixels[64:128, :64] == 255).all()


def test_all_tiles_missing(tiff: Path) -> None:
    write(tiff, **TILED)
    drop_segments(tiff, range(12))
    assert_refused(tiff, "a TIFF header without all its pixels")


@pytest.mark.parametrize("compression", [None, "jpeg"])
def test_tiles_beyond_4_gib(tiff: Path, compression: str | None) -> None:
    """A BigTIFF whose tiles lie behind 5 GiB of nothing."""
    options: dict[str, Any] = {"compression": compression, **TILED}
    write(tiff, bigtiff=True, **options)
    digest = hashlib.sha256(read_image(tiff).pixels.tobytes()).digest()
    with tifffile.TiffFile(tiff, mode="r+") as file:
        page = file.pages.first
        spans = list(zip(page.dataoffsets, page.databytecounts, strict=True))
        contents = []
        for offset, count in spans:
            file.filehandle.seek(offset)
            contents.append(file.filehandle.read(count))
        page.tags["TileOffsets"].overwrite([offset + 5 * 2**30 for offset, _ in spans])
    with tiff.open("r+b") as handle:
        for (offset, _), content in zip(spans, contents, strict=True):
            handle.seek(offset + 5 * 2**30)
            handle.write(content)
    assert hashlib.sha256(read_image(tiff).pixels.tobytes()).digest() == digest
