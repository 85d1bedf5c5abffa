"""Levels of a pyramid are read tile by tile, and each tile once."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slide.tiff.levels import TiffLevels
from slide.tiff.segments import read_segment
from test.builders import without_garbage_collector
from test.slide.slides import write_slide


def slide_of_noise(path: Path) -> tuple[Path, np.ndarray]:
    """A pyramid of 4 x 3 tiles without compression, and its pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (700, 900, 3), dtype=np.uint8)
    return write_slide(path / "a.tif", pixels, "raw"), pixels


@pytest.mark.parametrize(("room", "decoded"), [(64 << 20, 12), (0, 24)])
def test_tiles_of_overlapping_regions_are_decoded_once_while_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, decoded: int
) -> None:
    path, pixels = slide_of_noise(tmp_path)
    monkeypatch.setattr("slide.tiff.levels.CACHE_BYTES", room)
    read: list[Any] = []

    def counted(*place: Any) -> bytes:
        read.append(place)
        return read_segment(*place)

    monkeypatch.setattr("slide.tiff.levels.read_segment", counted)
    levels = TiffLevels(path)
    for _ in range(2):
        region = levels.read(0, 10, 20, 880, 670)
        np.testing.assert_array_equal(region, pixels[20:690, 10:890])
        region[:] = 0  # it is the caller's
    assert len(read) == decoded
    levels.close()


def test_tiles_are_freed_with_their_slide(tmp_path: Path) -> None:
    """At once, not by the garbage collector: a slide may be left by an exception."""
    levels = TiffLevels(slide_of_noise(tmp_path)[0])
    levels.read(0, 0, 0, 300, 300)
    gone = weakref.ref(levels)
    with without_garbage_collector():
        del levels
        assert gone() is None
