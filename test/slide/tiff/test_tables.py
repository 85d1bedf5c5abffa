"""What is wrong with the tables of tiles of files that OpenSlide reads is warned about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from slide.openslide_levels import OpenSlideLevels
from slide.tiff.tables import table_warnings
from test.slide.slides import Kind, pixels_on_glass, tissue, write_slide
from test.slide.tiff.builders import drop_segments
from test.slide.tiff.test_places import damage

PIXELS = pixels_on_glass((900, 700), {(300, 200): tissue((256, 256))})  # 3 rows of 4 tiles


@pytest.mark.parametrize("kind", ["svs", "pages"])
def test_tiles_that_are_left_out_or_overlap(tmp_path: Path, kind: Kind) -> None:
    path = write_slide(tmp_path / "a.svs", PIXELS, kind)
    assert table_warnings(path) == ()
    drop_segments(path, [0, 5, 11])
    left_out = "the file leaves out 3 of 12 tiles: taken as white glass"
    assert table_warnings(path) == (left_out,)
    damage(path, lambda offsets: offsets.__setitem__(6, offsets[6] + 1))
    overlap = "1 overlap of its tiles in the file: it may be damaged"
    assert table_warnings(path) == (left_out, overlap)


def test_a_vendor_s_slide_opens_nevertheless(tmp_path: Path) -> None:
    path = write_slide(tmp_path / "a.svs", PIXELS, "svs")
    damage(path, lambda offsets: offsets.__setitem__(6, offsets[6] + 1))
    levels = OpenSlideLevels(path)
    assert levels.warnings == ("1 overlap of its tiles in the file: it may be damaged",)
    levels.close()


def test_the_orientation_of_a_vendor_s_slide(tmp_path: Path) -> None:
    path = write_slide(tmp_path / "a.svs", PIXELS, "svs")
    with tifffile.TiffFile(path, mode="r+") as tiff:
        # In place of a tag that readers do not need.
        tag = tiff.pages.first.tags["PlanarConfiguration"]
        tiff.filehandle.seek(tag.offset)
        tiff.filehandle.write((274).to_bytes(2, "little"))
        tag.overwrite(3)
    (warning,) = table_warnings(path)
    assert warning.startswith("Orientation 3 is ignored")


def show_again(path: Path, first: int, second: int) -> None:
    """Let the second tile have the bytes of the first."""
    with tifffile.TiffFile(path, mode="r+") as tiff:
        page = tiff.pages.first
        for name, values in (("Offsets", page.dataoffsets), ("ByteCounts", page.databytecounts)):
            changed = [*values[:second], values[first], *values[second + 1 :]]
            page.tags[f"Tile{name}"].overwrite(changed)


@pytest.mark.parametrize("kind", ["raw", "svs", "pages"])
def test_tiles_that_share_their_bytes(tmp_path: Path, kind: Kind) -> None:
    blank = PIXELS.copy()
    blank[:256, :256] = 240
    path = write_slide(tmp_path / "a.svs", blank, kind)
    show_again(path, 0, 1)
    assert table_warnings(path) == ()
    show_again(path, 5, 2)
    shared = "2 tiles that are not blank share bytes in the file: it may be damaged"
    assert table_warnings(path) == (shared,)


@pytest.mark.parametrize(
    "content", [b"", b"MRXS", b"II*\0", b"II*\0\x08\0\0\0\xff\xff" + bytes(99)]
)
def test_files_without_a_table(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mrxs"
    path.write_bytes(content)
    assert table_warnings(path) == ()


def test_a_table_that_is_too_short(tmp_path: Path) -> None:
    path = write_slide(tmp_path / "a.svs", PIXELS, "raw")
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tags = tiff.pages.first.tags
        tags["TileOffsets"].overwrite(tags["TileOffsets"].value[:10])
    assert table_warnings(path) == ("the file leaves out 2 of 12 tiles: taken as white glass",)


def test_strips_have_no_tiles(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((64, 64, 3), np.uint8), photometric="rgb", rowsperstrip=8)
    drop_segments(path, [2])
    assert table_warnings(path) == ()
