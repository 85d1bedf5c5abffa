"""TIFF: every kind of file that is read, and every one that is refused with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from slide.read import read_image
from test.slide.builders import (
    GREY,
    HEIGHT,
    OPAQUE,
    PLANES,
    RGB,
    WIDTH,
    assert_refused,
    patch_tag,
    write_any_tiff,
    write_pyramid,
)
from test.slide.tiff.builders import SHORT, edit_ifd
from training.tiff import write_tiff


@pytest.mark.parametrize(
    ("pixels", "options"),
    [
        pytest.param(RGB, {}, id="strip"),
        pytest.param(RGB, {"rowsperstrip": 7}, id="many strips"),
        pytest.param(RGB, {"tile": (16, 32)}, id="tiled"),
        pytest.param(PLANES, {"planarconfig": "separate"}, id="planar"),
        pytest.param(PLANES, {"planarconfig": "separate", "tile": (16, 16)}, id="planar, tiled"),
        pytest.param(np.dstack([RGB, OPAQUE]), {"extrasamples": ["unassalpha"]}, id="RGBA"),
        pytest.param(
            np.dstack([RGB, OPAQUE]),
            {"extrasamples": ["assocalpha"], "tile": (16, 16)},
            id="RGBA t",
        ),
        pytest.param(RGB, {"bigtiff": True}, id="BigTIFF"),
        pytest.param(RGB, {"byteorder": ">"}, id="big-endian"),
        pytest.param(RGB, {"compression": "lzw"}, id="LZW"),
        pytest.param(RGB, {"compression": "zlib", "predictor": True}, id="deflate, predictor"),
        pytest.param(RGB, {"compression": "packbits"}, id="PackBits"),
        pytest.param(RGB, {"compression": "zstd", "tile": (16, 16)}, id="zstd, refused by ITK"),
        pytest.param(PLANES, {"planarconfig": "separate", "compression": "zstd"}, id="zstd planar"),
    ],
)
def test_lossless_tiff_is_exact(tiff: Path, pixels: np.ndarray, options: dict[str, Any]) -> None:
    write_any_tiff(tiff, pixels, photometric="rgb", **options)
    image = read_image(tiff)
    assert image.pixels.dtype == np.uint8 and image.pixels.flags.c_contiguous
    np.testing.assert_array_equal(image.pixels, RGB)
    np.testing.assert_allclose(image.mpp, (0.25, 0.25), rtol=1e-7)
    assert image.origin == (0.0, 0.0)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "jpeg", "tile": (16, 16)},
        {"compression": "jpeg"},
        {"compression": "jpeg", "subsampling": (2, 2), "tile": (16, 16)},
        {"compression": "jpeg2000", "tile": (32, 32), "compressionargs": {"level": 60}},
        {"compression": "webp", "tile": (32, 32)},
    ],
    ids=["JPEG tiles", "JPEG strips", "JPEG subsampled", "JPEG 2000", "WebP"],
)
def test_lossy_tiff_is_close(tiff: Path, options: dict[str, Any]) -> None:
    write_any_tiff(tiff, RGB, photometric="rgb", **options)
    image = read_image(tiff)
    assert np.abs(image.pixels.astype(int) - RGB).mean() < 6
    np.testing.assert_array_equal(read_image(tiff).pixels, image.pixels)


@pytest.mark.parametrize("subifds", [True, False], ids=["SubIFDs", "pages"])
@pytest.mark.parametrize("compression", ["jpeg", "zlib"])
def test_pyramid_gives_its_full_resolution(tiff: Path, subifds: bool, compression: str) -> None:
    write_pyramid(tiff, RGB, subifds, compression=compression, tile=(16, 16))
    image = read_image(tiff)
    assert image.pixels.shape == RGB.shape
    tolerance = 6 if compression == "jpeg" else 0
    assert np.abs(image.pixels.astype(int) - RGB).mean() <= tolerance
    np.testing.assert_allclose(image.mpp, (0.25, 0.25))


def test_pyramid_of_odd_size_marked_as_reduced(tiff: Path) -> None:
    with tifffile.TiffWriter(tiff) as writer:
        for level in range(4):
            reduced = RGB[: HEIGHT - 1 : 2**level, : WIDTH - 3 : 2**level].copy()
            resolution = (40000 / 2**level,) * 2
            writer.write(
                reduced, photometric="rgb", subfiletype=int(level > 0), metadata=None,
                resolution=resolution, resolutionunit=3,
            )  # fmt: skip
    np.testing.assert_array_equal(read_image(tiff).pixels, RGB[: HEIGHT - 1, : WIDTH - 3])


def test_one_pixel(tiff: Path) -> None:
    write_tiff(tiff, np.full((1, 1, 3), 7, np.uint8), 0.25)
    np.testing.assert_array_equal(read_image(tiff).pixels, [[[7, 7, 7]]])


@pytest.mark.parametrize(
    ("pixels", "options", "reason"),
    [
        (GREY, {}, "greyscale, but RGB is needed: export it in colour"),
        (GREY, {"tile": (16, 16)}, "greyscale, but RGB is needed"),
        (GREY, {"photometric": "miniswhite"}, "greyscale, but RGB is needed"),
        (GREY.astype(np.uint16), {}, "greyscale, but RGB is needed"),
        (
            GREY, {"photometric": "palette", "colormap": np.zeros((3, 256), np.uint16)},
            "a palette image, but RGB is needed",
        ),
        (np.dstack([RGB, GREY]), {"photometric": "separated"}, "CMYK, but RGB is needed"),
        (np.dstack([RGB, RGB]), {"photometric": "rgb"}, "6 channels, but RGB is needed"),
        (RGB.astype(np.uint16), {"photometric": "rgb"}, "16-bit samples .*: convert it to 8-bit"),
        (RGB.astype(np.uint16), {"photometric": "rgb", "tile": (16, 16)}, "16-bit samples"),
        (RGB.astype(np.float32), {"photometric": "rgb"}, "32-bit samples .*float32"),
        (RGB.view(np.int8), {"photometric": "rgb"}, r"8-bit samples \(int8\)"),
        (np.stack([RGB, RGB]), {"photometric": "rgb"}, "2 pages that are not a pyramid of"),
        (
            RGB[None, None], {"photometric": "rgb", "volumetric": True, "tile": (1, 16, 16)},
            None,
        ),
        (
            np.stack([RGB, RGB]), {"photometric": "rgb", "volumetric": True, "tile": (2, 16, 16)},
            "2 slices, but one image is needed",
        ),
    ],
)  # fmt: skip
def test_other_kinds_of_tiff(
    tiff: Path, pixels: np.ndarray, options: dict[str, Any], reason: str | None
) -> None:
    write_any_tiff(tiff, pixels, **options)
    if reason is None:
        np.testing.assert_array_equal(read_image(tiff).pixels, RGB)
    else:
        assert_refused(tiff, reason)


def test_pages_of_other_shapes_are_no_pyramid(tiff: Path) -> None:
    with tifffile.TiffWriter(tiff) as writer:
        writer.write(RGB, photometric="rgb", metadata=None)
        writer.write(RGB[:40, :64].copy(), photometric="rgb", metadata=None)
    assert_refused(tiff, "2 pages that are not a pyramid", mpp=0.25)


@pytest.mark.parametrize("compression", ["zlib", "lzw", "jpeg", "zstd"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_damaged_inside(tiff: Path, compression: str, tile: tuple[int, int] | None) -> None:
    write_tiff(tiff, RGB, 0.25, compression=compression, tile=tile)
    with tifffile.TiffFile(tiff) as file:
        offset, count = file.pages.first.dataoffsets[-1], file.pages.first.databytecounts[-1]
    data = bytearray(tiff.read_bytes())
    data[offset : offset + count] = b"\xff" * count
    tiff.write_bytes(data)
    assert_refused(tiff, "damaged|cannot be read")


def test_a_size_beyond_the_data(tiff: Path) -> None:
    write_tiff(tiff, RGB, 0.25)
    patch_tag(tiff, "ImageLength", 20000)
    assert_refused(tiff, "damaged|without all its pixels|cannot be read")


@pytest.mark.parametrize("tag", ["ImageWidth", "ImageLength"])
def test_no_area(tiff: Path, tag: str) -> None:
    write_tiff(tiff, RGB, 0.25)
    patch_tag(tiff, tag, 0)
    assert_refused(tiff, "damaged or without area|cannot be read")


@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("compression", [None, "zlib", "packbits", "lzw", "zstd"])
def test_a_last_strip_as_long_as_the_others(
    tiff: Path, compression: str | None, predictor: bool
) -> None:
    """Some writers fill it up; tifffile refuses some of these."""
    full = np.concatenate([RGB, RGB[:32]])
    predictor = predictor and compression not in (None, "packbits")
    options = {"compression": compression, "predictor": predictor}
    write_any_tiff(tiff, full, photometric="rgb", rowsperstrip=64, **options)
    patch_tag(tiff, "ImageLength", HEIGHT)
    np.testing.assert_array_equal(read_image(tiff).pixels, RGB)


@pytest.mark.parametrize(
    ("tag", "value", "reason"),
    [
        (284, 3, "unknown PlanarConfiguration 3"),
        (317, 2, "a predictor without a codec that has one"),
        (259, 34713, "cannot be read .*NIKON_NEF"),
    ],
)
def test_tags_on_which_readers_disagree(tiff: Path, tag: int, value: int, reason: str) -> None:
    write_tiff(tiff, RGB, 0.25)
    edit_ifd(tiff, [(tag, SHORT, [value])])
    assert_refused(tiff, reason)


@pytest.mark.parametrize("compression", ["zlib", "packbits", "zstd", "lzw", None])
def test_a_strip_with_too_few_rows(tiff: Path, compression: str | None) -> None:
    """SimpleITK makes up what is missing."""
    write_any_tiff(tiff, RGB, photometric="rgb", rowsperstrip=32, compression=compression)
    short = tiff.with_name("short.tif")
    write_any_tiff(short, RGB[32:52], photometric="rgb", rowsperstrip=32, compression=compression)
    replace_strip(tiff, 1, strip_of(short))
    assert_refused(tiff, "damaged|cannot be read")


@pytest.mark.parametrize("compression", ["zlib", "zstd"])
def test_a_strip_that_is_damaged(tiff: Path, compression: str) -> None:
    """Zeros in its second half: SimpleITK keeps what comes before them."""
    write_any_tiff(tiff, RGB, photometric="rgb", rowsperstrip=32, compression=compression)
    data = strip_of(tiff, 1)
    replace_strip(tiff, 1, data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    assert_refused(tiff, "damaged")


def strip_of(path: Path, index: int = 0) -> bytes:
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        offset, count = page.dataoffsets[index], page.databytecounts[index]
    return path.read_bytes()[offset : offset + count]


def replace_strip(path: Path, index: int, data: bytes) -> None:
    """Put other bytes in the place of a strip, at the end of the file."""
    with path.open("ab") as file:
        offset = file.tell()
        file.write(data)
    with tifffile.TiffFile(path, mode="r+") as tiff_file:
        page = tiff_file.pages.first
        places = ("StripOffsets", page.dataoffsets, offset), (
            "StripByteCounts", page.databytecounts, len(data)
        )  # fmt: skip
        for name, values, value in places:
            page.tags[name].overwrite([value if i == index else v for i, v in enumerate(values)])
