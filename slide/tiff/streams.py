"""Encoded tiles of vendors' files, checked because OpenSlide makes pixels of damaged ones."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import tifffile

from slide.tiff.damage import check_tile
from slide.tiff.pages import tiled_pages
from slide.tiff.segments import left_out, read_segment, segment_at, segment_count, touched


class TileStreams:
    """The tiles of those levels that are pages of a TIFF file; of others nothing is checked."""

    def __init__(self, path: Path, sizes: Sequence[tuple[int, int]]) -> None:
        """Open the file.

        Args:
            path: of a file that OpenSlide reads, not necessarily TIFF.
            sizes: (width, height) in px of each level.
        """
        self._files = contextlib.ExitStack()
        self._pages: list[tifffile.TiffPage | None] = [None] * len(sizes)
        with contextlib.suppress(Exception):  # vendors' peculiarities lead tifffile to any error
            pages = tiled_pages(self._files.enter_context(tifffile.TiffFile(path)))
            self._pages = [_page_of(size, pages) for size in sizes]
        self._done = [None if page is None else left_out(page) for page in self._pages]

    def check(self, level: int, left: int, top: int, width: int, height: int) -> None:
        """Check the tiles that a region touches, in px of the level; each intact one once.

        Raises:
            ImageError: a tile is damaged.
        """
        page, done = self._pages[level], self._done[level]
        if page is None or done is None:
            return
        for row, column in touched(page, left, top, width, height):
            if not done[row, column]:
                check_tile(page, read_segment(page, segment_at(page, row, column)))
                done[row, column] = True

    def close(self) -> None:
        """Close the file."""
        self._files.close()


def _page_of(size: tuple[int, int], pages: Sequence[tifffile.TiffPage]) -> tifffile.TiffPage | None:
    """The only tiled page of a level's size, whose tables have all its tiles; None in doubt."""
    same = [page for page in pages if (page.imagewidth, page.imagelength) == size]
    if len(same) != 1 or same[0].planarconfig != 1:
        return None
    tables = same[0].dataoffsets, same[0].databytecounts
    return same[0] if {len(table) for table in tables} == {segment_count(same[0])} else None
