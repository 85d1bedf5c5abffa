"""Pyramids in TIFF files without a vendor's fields: pages or SubIFDs, read tile by tile."""

from __future__ import annotations

from collections.abc import Sequence, Set
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import tifffile

from slide.checks import EXPORT_AGAIN, EXPORT_IN_COLOUR
from slide.image import ImageError
from slide.levels import WHITE
from slide.tiff.checks import YCBCR, check_layout
from slide.tiff.colour import page_ycbcr_to_rgb
from slide.tiff.damage import check_tile
from slide.tiff.decode import LOSSLESS, check_declared_size
from slide.tiff.ignored import ignored_tags
from slide.tiff.jpeg import JPEG, jpeg_decoder
from slide.tiff.jpeg2000 import JPEG2000, jpeg2000_decoder
from slide.tiff.pages import full_resolution, levels_of
from slide.tiff.pixel_size import stated_pixel_sizes
from slide.tiff.places import check_blank, check_places, shared_offsets
from slide.tiff.segments import (
    Decode,
    encoded_size,
    read_segment,
    segment_at,
    segment_size,
    touched,
)
from slide.tiff.sparse import left_out_warning

CACHE_BYTES = 64 << 20  # of decoded tiles: regions overlap, and tiles lie across their borders


class TiffLevels:
    """The tiled levels of the one image in a TIFF file (see Levels)."""

    def __init__(self, path: Path) -> None:
        """Open the file and check the header of each level.

        Raises:
            ImageError: it is not one tiled image of 8-bit RGB.
        """
        self._tiff = tifffile.TiffFile(path)
        base = full_resolution(self._tiff)
        self._pages = [page for page in levels_of(self._tiff, base) if page.is_tiled]
        if base not in self._pages:
            raise ImageError(f"a TIFF file without tiles, unlike slides: {_remedy(path)}")
        for page in self._pages:
            check_layout(page, path.stat().st_size)
        check_places(self._pages)
        self._decoders = [_decoder(page) for page in self._pages]
        tall, wide = segment_size(base)
        decode = partial(_decoded, self._pages, self._decoders, shared_offsets(self._pages))
        self._tile = lru_cache(CACHE_BYTES // (tall * wide * 3))(decode)
        self.format = "ome-tiff" if self._tiff.is_ome else "tiff"
        self.sizes = [(int(page.imagewidth), int(page.imagelength)) for page in self._pages]
        self.stated = stated_pixel_sizes(base)
        self.warnings = left_out_warning(base) + ignored_tags(base)

    def read(self, level: int, left: int, top: int, width: int, height: int) -> np.ndarray:
        """(height, width, 3) uint8 RGB of a region of a level; tiles that were left out are white.

        Raises:
            ImageError: a tile cannot be decoded.
        """
        tall, wide = segment_size(self._pages[level])
        out = np.full((height, width, 3), WHITE, np.uint8)
        for row, column in touched(self._pages[level], left, top, width, height):
            pixels = self._tile(level, row, column)
            if pixels is not None:
                _paste(pixels, column * wide - left, row * tall - top, out)
        return out

    def close(self) -> None:
        """Close the file, and free its tiles."""
        self._tiff.close()
        self._tile.cache_clear()


def _remedy(path: Path) -> str:
    return (
        EXPORT_AGAIN
        if path.suffix.lower() in (".tif", ".tiff")
        else f"rename it to {path.stem}.tif"
    )


def _decoded(
    pages: Sequence[tifffile.TiffPage],
    decoders: Sequence[Decode],
    shared: Set[int],
    level: int,
    row: int,
    column: int,
) -> np.ndarray | None:
    """(tall, wide, 3) uint8 RGB of a tile; None for one that was left out."""
    page = pages[level]
    segment = segment_at(page, row, column)
    if segment.is_missing:
        return None
    data = read_segment(page, segment)
    check_tile(page, data)
    pixels = decoders[level](data, encoded_size(page, segment))
    if pixels.shape != (*segment_size(page), 3):
        raise ImageError(f"damaged, a tile has another size: {EXPORT_AGAIN}")
    if segment.offset in shared:
        check_blank(pixels)
    return pixels


def _paste(pixels: np.ndarray, x: int, y: int, out: np.ndarray) -> None:
    """Copy the part of pixels that lies in `out` when their corner is at x, y there."""
    height, width = pixels.shape[:2]
    rows = slice(max(y, 0), min(y + height, out.shape[0]))
    columns = slice(max(x, 0), min(x + width, out.shape[1]))
    out[rows, columns] = pixels[
        rows.start - y : rows.stop - y, columns.start - x : columns.stop - x
    ]


def _decoder(page: tifffile.TiffPage) -> Decode:
    """Decodes a tile of interleaved samples to (height, width, 3) uint8 RGB.

    Raises:
        ImageError: tiles of this kind are not read.
    """
    if page.samplesperpixel != 3 or page.planarconfig != 1:
        raise ImageError(f"a whole slide with alpha or separate colour planes: {EXPORT_IN_COLOUR}")
    if page.compression in JPEG:
        return jpeg_decoder(page)
    if page.compression in JPEG2000:
        return jpeg2000_decoder(page)
    if page.compression not in LOSSLESS or (page.photometric == YCBCR and page.is_subsampled):
        raise ImageError(f"a whole slide in a codec that is not read tile by tile: {EXPORT_AGAIN}")
    check_declared_size(page)

    def decode(data: bytes, _: tuple[int, int]) -> np.ndarray:
        samples = np.asarray(page.decode(data, 0)[0]).reshape(*segment_size(page), 3)
        return page_ycbcr_to_rgb(page, samples) if page.photometric == YCBCR else samples

    return decode
