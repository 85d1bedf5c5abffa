"""Offsets of strips and tiles that cannot be right are refused; a shared blank tile is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from slide.image import ImageError
from slide.read import read_image
from slide.tiff.levels import TiffLevels
from slide.tiff.places import check_places
from test.rendering import render_tissue
from test.slide.builders import assert_refused
from test.slide.tiff.builders import write

RGB = render_tissue((240, 280), figures=0, seed=5)[0]
OVERLAP = "damaged, [0-9]+ overlaps? of its (tiles|strips) with others or the header in the file"
COPIES = "damaged, strips or tiles that are not blank share the same bytes"
LAYOUTS: dict[str, dict[str, Any]] = {
    "tiles": {"tile": (128, 128)},
    "BigTIFF": {"tile": (128, 128), "bigtiff": True},
    "planes": {"tile": (128, 128), "planarconfig": "separate"},
    "strips": {"rowsperstrip": 40},
    "deflate": {"tile": (128, 128), "compression": "zlib"},
    "LZW": {"tile": (128, 128), "compression": "lzw"},
    "JPEG": {"tile": (128, 128), "compression": "jpeg"},
}
layouts = pytest.mark.parametrize("options", LAYOUTS.values(), ids=LAYOUTS.keys())
Change = Callable[[list[int]], None]


def assign(index: int, value: Callable[[list[int]], int]) -> Change:
    def change(offsets: list[int]) -> None:
        offsets[index] = value(offsets)

    return change


def all_equal(offsets: list[int]) -> None:
    offsets[:] = [offsets[4]] * len(offsets)


DAMAGE: dict[str, tuple[Change, str]] = {
    "copy": (assign(3, lambda w: w[4]), f"{OVERLAP}|{COPIES}"),  # lengths may differ
    "all equal": (all_equal, f"{OVERLAP}|{COPIES}|truncated"),
    "header": (assign(4, lambda w: 2), OVERLAP),
    "directory": (assign(4, lambda w: 8), OVERLAP),
    "one byte later": (assign(3, lambda w: w[3] + 1), OVERLAP),
    "one byte earlier": (assign(4, lambda w: w[4] - 1), OVERLAP),
    "half a tile": (assign(3, lambda w: (w[3] + w[4]) // 2), OVERLAP),
}


def damage(path: Path, change: Change) -> None:
    with tifffile.TiffFile(path, mode="r+") as file:
        page = file.pages.first
        offsets = list(page.dataoffsets)
        change(offsets)
        kind = "Tile" if page.is_tiled else "Strip"
        page.tags[f"{kind}Offsets"].overwrite(offsets)


@layouts
@pytest.mark.parametrize(("change", "reason"), DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_offsets(tiff: Path, options: dict[str, Any], change: Change, reason: str) -> None:
    pixels = planar(RGB) if "planarconfig" in options else RGB
    write(tiff, pixels, **options)
    read_image(tiff)
    damage(tiff, change)
    assert_refused(tiff, reason)


def planar(pixels: np.ndarray) -> np.ndarray:
    return np.moveaxis(pixels, -1, 0).copy()


@pytest.mark.parametrize("compression", [None, "zlib", "jpeg"])
def test_a_blank_tile_may_be_shared(tiff: Path, compression: str | None) -> None:
    pixels = RGB.copy()
    pixels[:128, :256] = 240
    write(tiff, pixels, tile=(128, 128), compression=compression)
    before = read_image(tiff).pixels
    damage(tiff, assign(1, lambda w: w[0]))
    np.testing.assert_array_equal(read_image(tiff).pixels, before)


@pytest.mark.parametrize("change", ["copy", "header", "one byte later"])
def test_damaged_offsets_of_a_slide(tiff: Path, change: str) -> None:
    write(tiff, RGB, tile=(128, 128))
    damage(tiff, DAMAGE[change][0])
    with pytest.raises(ImageError, match=f"{OVERLAP}|{COPIES}"):
        levels = TiffLevels(tiff)
        levels.read(0, 0, 0, 280, 240)


def test_a_blank_tile_of_a_slide_may_be_shared(tiff: Path) -> None:
    pixels = RGB.copy()
    pixels[:128, :256] = 240
    write(tiff, pixels, tile=(128, 128))
    damage(tiff, assign(1, lambda w: w[0]))
    levels = TiffLevels(tiff)
    np.testing.assert_array_equal(levels.read(0, 0, 0, 280, 240), pixels)
    levels.close()


@pytest.mark.parametrize("subifds", [False, True])
def test_tiles_of_another_level(tiff: Path, subifds: bool) -> None:
    options: dict[str, Any] = {"photometric": "rgb", "metadata": None, "tile": (64, 64)}
    with tifffile.TiffWriter(tiff) as writer:
        writer.write(
            RGB, **options, resolution=(40000, 40000), resolutionunit=3, subifds=int(subifds)
        )
        writer.write(RGB[::2, ::2].copy(), **options, subfiletype=1)
    read_image(tiff)
    with tifffile.TiffFile(tiff) as file:
        page = file.pages.first
        pages = list(page.pages or ()) if subifds else list(file.pages)
        start = pages[-1].dataoffsets[0]
    damage(tiff, assign(4, lambda _: start))
    assert_refused(tiff, COPIES)


def test_padding_of_a_whole_strip_is_no_overlap(tiff: Path) -> None:
    """The last strip as long as the others, whose rows below the image are not in the file."""
    write(tiff, RGB, rowsperstrip=100)
    pages = tiff.read_bytes()
    with tifffile.TiffFile(tiff, mode="r+") as file:
        page = file.pages.first
        counts = [page.databytecounts[0]] * 3
        page.tags["StripByteCounts"].overwrite(counts)
    with tiff.open("ab") as stream:
        stream.write(bytes(len(pages)))
    np.testing.assert_array_equal(read_image(tiff).pixels, RGB)


def test_many_tiles(tiff: Path) -> None:
    """A slide of 10^6 tiles of which one is damaged."""
    with tifffile.TiffWriter(tiff, bigtiff=True) as writer:
        blank = (b"" for _ in range(1000 * 1000))
        writer.write(
            blank, shape=(16000, 16000, 3), dtype=np.uint8, tile=(16, 16), photometric="rgb",
            compression="zlib", metadata=None,
        )  # fmt: skip
    with tifffile.TiffFile(tiff) as file:
        page = file.pages.first
        starts = 10**8 + np.arange(10**6) * 50
        page.dataoffsets, page.databytecounts = tuple(starts), (50,) * 10**6
        check_places([page])
        starts[5000] += 1
        page.dataoffsets = tuple(starts)
        with pytest.raises(ImageError, match="damaged, 1 overlap of its tiles"):
            check_places([page])
