"""Damage that decoders do not report, and sizes that the stored bytes contradict, are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from slide.image import ImageError
from slide.read import read_image
from slide.tiff.levels import TiffLevels
from slide.tiff.segments import read_segment, segments
from test.rendering import render_tissue
from test.slide.builders import assert_refused, patch_tag
from test.slide.tiff.builders import CM, jfif, write, write_encoded

RGB = render_tissue((300, 320), figures=0, seed=5)[0]
TILES: dict[str, Any] = {"tile": (128, 128)}
HOLES = "damaged, 1 of 9 tiles contain zeros in place of encoded pixels: copy or export it again"


def span(path: Path, index: int = 4) -> tuple[int, int]:
    """Where the middle of a strip or tile begins in the file, and its encoded length."""
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        offset, count = page.dataoffsets[index], page.databytecounts[index]
    return offset + count // 2, count


def overwrite(path: Path, place: int, new: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(new)


@pytest.mark.parametrize("offset", range(0, 1000, 90))
@pytest.mark.parametrize(
    "options",
    [{}, {"photometric": "ycbcr"}, {"photometric": "ycbcr", "subsampling": (2, 2)}],
    ids=["RGB", "4:4:4", "4:2:0"],
)
def test_zeros_inside_of_a_jpeg_tile(tiff: Path, options: dict[str, Any], offset: int) -> None:
    write(tiff, RGB, compression="jpeg", **TILES, **options)
    middle, _ = span(tiff)
    overwrite(tiff, middle - offset, bytes(20))
    assert_refused(tiff, HOLES)


@pytest.mark.parametrize(
    ("compression", "length"), [("zstd", 400), ("webp", 400), ("jpeg2000", 1024)]
)
def test_zeros_inside_of_other_tiles(tiff: Path, compression: str, length: int) -> None:
    write(tiff, RGB, compression=compression, **TILES)
    middle, _ = span(tiff)
    overwrite(tiff, middle, bytes(length))
    assert_refused(tiff, f"{HOLES}|damaged|cannot be read")


@pytest.mark.parametrize("share", [0.5, 0.85])
@pytest.mark.parametrize("compression", ["jpeg2000", "webp", "lzw", "zstd"])
def test_zeros_in_place_of_the_end_of_a_tile(tiff: Path, compression: str, share: float) -> None:
    write(tiff, RGB, compression=compression, **TILES)
    middle, count = span(tiff)
    first = middle - count // 2 + int(count * share)
    overwrite(tiff, first, bytes(middle - count // 2 + count - first))
    assert_refused(tiff, f"{HOLES}|damaged|cannot be read")


@pytest.mark.parametrize("compression", ["jpeg", "jpeg2000", "webp", "lzw"])
def test_zeros_behind_tiles(tiff: Path, compression: str) -> None:
    """Some writers pad what they store."""
    write(tiff, RGB, compression=compression, **TILES)
    pixels = read_image(tiff).pixels
    with tifffile.TiffFile(tiff, mode="r+") as file:
        page = file.pages.first
        streams = [read_segment(page, segment) + bytes(700) for segment in segments(page)]
        starts = tiff.stat().st_size + np.cumsum([0] + [len(stream) for stream in streams[:-1]])
        page.tags["TileOffsets"].overwrite(starts.tolist())
        page.tags["TileByteCounts"].overwrite([len(stream) for stream in streams])
    with tiff.open("ab") as end:
        end.write(b"".join(streams))
    np.testing.assert_array_equal(read_image(tiff).pixels, pixels)


def test_zeros_in_a_stream_that_imagecodecs_decodes(tiff: Path) -> None:
    """YCbCr under the tag of RGB."""
    write_encoded(tiff, jfif(0), "jpeg", 2, RGB)
    middle, _ = span(tiff)
    overwrite(tiff, middle, bytes(20))
    assert_refused(tiff, "damaged, 1 of 25 tiles contain zeros")


@pytest.mark.parametrize("photometric", [2, 6])
def test_noise_inside_of_jpeg_tiles(tiff: Path, photometric: int) -> None:
    """libjpeg notices most of it, whichever library decodes."""
    noise = np.random.default_rng(0)
    refused = 0
    for _ in range(10):
        write_encoded(tiff, jfif(0), "jpeg", photometric, RGB)
        middle, _ = span(tiff)
        overwrite(tiff, middle, noise.integers(0, 255, 200, np.uint8).tobytes())
        try:
            read_image(tiff)
        except ImageError:
            refused += 1
    assert refused >= 9


@pytest.mark.parametrize("optimised", [False, True])
def test_even_tiles_have_no_holes(tiff: Path, optimised: bool) -> None:
    """Encoded with the shortest codes, white may be nothing but zeros."""
    white = np.full((600, 640, 3), 255, np.uint8)
    white[:64, :64] = RGB[:64, :64]
    write_encoded(tiff, jfif(2, optimize=optimised), "jpeg", 6, white)
    assert read_image(tiff).pixels[100:, 100:].min() == 255
    write(tiff, white, compression="jpeg2000", tile=(256, 256))
    np.testing.assert_array_equal(read_image(tiff).pixels, white)


def test_zeros_in_a_tile_of_a_slide(tiff: Path) -> None:
    write(tiff, RGB, compression="jpeg", **TILES)
    middle, _ = span(tiff)
    overwrite(tiff, middle, bytes(20))
    levels = TiffLevels(tiff)
    assert levels.read(0, 0, 0, 128, 128).shape == (128, 128, 3)
    with pytest.raises(ImageError, match="a tile contains zeros"):
        levels.read(0, 128, 128, 20, 20)
    levels.close()


@pytest.mark.parametrize("tag", ["TileLength", "TileWidth"])
def test_zeros_in_place_of_a_copys_tags(tiff: Path, tag: str) -> None:
    with tifffile.TiffWriter(tiff) as writer:
        writer.write(RGB, photometric="rgb", **TILES, **CM)
        writer.write(RGB[::2, ::2], photometric="rgb", subfiletype=1, **TILES)
    read_image(tiff)
    with tifffile.TiffFile(tiff, mode="r+") as file:
        copy = file.pages[1]
        assert isinstance(copy, tifffile.TiffPage)
        copy.tags[tag].overwrite(0)
    assert_refused(tiff, "^damaged, a page of it declares no pixels: copy or export it again$")


# ---------------------------------------------------------------------------- sizes that are wrong

STRIPS: dict[str, dict[str, Any]] = {
    **{str(codec): {"compression": codec} for codec in (None, "lzw", "zlib", "packbits", "zstd")},
    "lzma": {"compression": "lzma"},
    "one strip": {"rowsperstrip": 300},
    "LZW, predictor": {"compression": "lzw", "predictor": True},
    "JPEG": {"compression": "jpeg"},
    "JPEG 2000": {"compression": "jpeg2000"},
}


@pytest.mark.parametrize("width", [160, 312, 319, 321, 328, 640])
@pytest.mark.parametrize("options", STRIPS.values(), ids=STRIPS.keys())
def test_a_wrong_width_of_strips(tiff: Path, options: dict[str, Any], width: int) -> None:
    write(tiff, RGB, **{"rowsperstrip": 64} | options)
    read_image(tiff)
    patch_tag(tiff, "ImageWidth", width)
    assert_refused(tiff, "damaged|cannot be read")


@pytest.mark.parametrize("tag", ["ImageWidth", "ImageLength"])
@pytest.mark.parametrize("options", [TILES, {"compression": "zlib", **TILES}], ids=["", "deflate"])
def test_more_tiles_than_the_size_takes(tiff: Path, options: dict[str, Any], tag: str) -> None:
    write(tiff, RGB, **options)
    patch_tag(tiff, tag, 150)
    assert_refused(tiff, "damaged, it has 9 tiles where its size takes 6")


def test_padding_behind_a_strip(tiff: Path) -> None:
    write(tiff, RGB, rowsperstrip=300)
    with tiff.open("ab") as file:
        file.write(bytes(16))
    patch_tag(tiff, "StripByteCounts", RGB.size + 3)
    np.testing.assert_array_equal(read_image(tiff).pixels, RGB)


CODECS = ("lzw", "lzma", "lerc", "jpeg", "jpeg2000", "webp", "jpegxl", "png", "jpegxr", "zlib")


@pytest.mark.parametrize("compression", CODECS)
@pytest.mark.parametrize(("tag", "value"), [("TileLength", 112), ("TileWidth", 112)])
def test_tiles_larger_than_their_tags(tiff: Path, compression: str, tag: str, value: int) -> None:
    """As many tiles as before, each of which would be cut."""
    write(tiff, RGB, compression=compression, **TILES)
    read_image(tiff)
    patch_tag(tiff, tag, value)
    assert_refused(tiff, "damaged|cannot be read")


@pytest.mark.parametrize("compression", CODECS)
def test_a_strip_higher_than_the_image(tiff: Path, compression: str) -> None:
    write(tiff, RGB, compression=compression, rowsperstrip=300)
    read_image(tiff)
    patch_tag(tiff, "ImageLength", 250)
    assert_refused(tiff, "damaged|cannot be read")


def test_tiles_of_a_slide_larger_than_their_tags(tiff: Path) -> None:
    write(tiff, RGB, compression="lzw", **TILES)
    TiffLevels(tiff).close()
    patch_tag(tiff, "TileLength", 112)
    with pytest.raises(ImageError, match="damaged, a strip or tile has 49152 bytes"):
        TiffLevels(tiff)
