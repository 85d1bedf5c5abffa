"""Damaged tiles that OpenSlide would decode are refused, and intact ones are checked once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from slide.image import ImageError
from slide.openslide_levels import OpenSlideLevels
from slide.tiff.pages import tiled_pages
from slide.tiff.segments import read_segment
from slide.tiff.streams import TileStreams
from slide.whole_slide import WholeSlide
from test.slide.slides import pixels_on_glass, tissue, write_slide
from test.slide.tiff.builders import drop_segments

PIXELS = pixels_on_glass((900, 700), {(200, 200): tissue((400, 500))})  # 3 rows of 4 tiles
ZEROS = "damaged, a tile contains zeros: copy or export it again"
NOT_WHOLE = "damaged, a strip or tile is not a whole JPEG stream: copy or export it again"
CODECS: dict[str, dict[str, Any]] = {
    "JPEG": {},
    "JPEG 2000": {"compression": "APERIO_JP2000_RGB"},
    "LZW": {"compression": "lzw", "compressionargs": None},
}
Damage = Callable[[bytearray], None]


def zero_tail(data: bytearray) -> None:
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)


def zero_middle(data: bytearray) -> None:
    middle = len(data) // 2
    data[middle : middle + 1000] = bytes(1000)


def early_end(data: bytearray) -> None:
    middle = len(data) // 2
    data[middle : middle + 2] = b"\xff\xd9"


def damage_tile(path: Path, damage: Damage, index: int = 5, level: int = 0) -> None:
    """Change the encoded bytes of a tile, whose number stays."""
    with tifffile.TiffFile(path) as tiff:
        page = tiled_pages(tiff)[level]
        place, count = page.dataoffsets[index], page.databytecounts[index]
    with path.open("r+b") as file:
        file.seek(place)
        data = bytearray(file.read(count))
        damage(data)
        assert len(data) == count
        file.seek(place)
        file.write(data)


@pytest.mark.parametrize(
    ("codec", "damage", "reason"),
    [
        ("JPEG", zero_tail, ZEROS),
        ("JPEG", zero_middle, ZEROS),
        ("JPEG", early_end, NOT_WHOLE),
        ("JPEG 2000", zero_tail, ZEROS),
        ("JPEG 2000", zero_middle, ZEROS),
        ("LZW", zero_middle, ZEROS),
    ],
)
def test_a_damaged_tile(tmp_path: Path, codec: str, damage: Damage, reason: str) -> None:
    path = write_slide(tmp_path / "a.svs", PIXELS, "svs", **CODECS[codec])
    intact = WholeSlide(path).read(0, 0, 256, 700)
    damage_tile(path, damage)
    slide = WholeSlide(path)
    assert slide.format == "aperio"
    np.testing.assert_array_equal(slide.read(0, 0, 256, 700), intact)
    for _ in range(2):
        with pytest.raises(ImageError, match=f"^{reason}$"):
            slide.read(200, 200, 100, 100)
    np.testing.assert_array_equal(slide.read(0, 0, 256, 700), intact)


@pytest.mark.parametrize("codec", CODECS)
def test_intact_tiles(tmp_path: Path, codec: str) -> None:
    path = write_slide(tmp_path / "a.svs", PIXELS, "svs", **CODECS[codec])
    drop_segments(path, [0])
    slide = WholeSlide(path)
    for level, size in enumerate(slide.levels):
        slide.read(0, 0, *size, level)


def test_a_damaged_tile_of_a_reduced_level(tmp_path: Path) -> None:
    path = write_slide(tmp_path / "a.svs", PIXELS, "svs")
    damage_tile(path, zero_tail, index=0, level=2)
    slide = WholeSlide(path)
    slide.read(0, 0, *slide.size)
    with pytest.raises(ImageError, match=ZEROS):
        slide.overview(8.0)


def test_the_only_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("test.slide.slides.FACTORS", (1,))
    path = write_slide(tmp_path / "a.svs", PIXELS, "svs")
    damage_tile(path, zero_tail)
    with pytest.raises(ImageError, match=ZEROS):
        WholeSlide(path).overview(8.0)


def test_each_tile_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []

    def counted(*place: Any) -> bytes:
        read.append(place)
        return read_segment(*place)

    levels = OpenSlideLevels(write_slide(tmp_path / "a.svs", PIXELS, "svs"))
    monkeypatch.setattr("slide.tiff.streams.read_segment", counted)
    levels.read(0, 0, 0, 256, 256)
    assert len(read) == 1
    for _ in range(2):
        levels.read(0, 0, 0, 900, 700)
    assert len(read) == 12
    levels.close()


def test_levels_that_are_not_pages(tmp_path: Path) -> None:
    """Of two pages with the level's size, of another size, and in a file that is not TIFF."""
    path = tmp_path / "a.svs"
    with tifffile.TiffWriter(path) as writer:
        for _ in range(2):
            writer.write(PIXELS, photometric="rgb", tile=(256, 256), compression="jpeg")
    damage_tile(path, zero_tail)
    for size in ((900, 700), (450, 350)):
        TileStreams(path, [size]).check(0, 0, 0, *size)
    path.write_bytes(b"MRXS")
    TileStreams(path, [(900, 700)]).check(0, 0, 0, 900, 700)
