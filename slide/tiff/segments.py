"""The strips or tiles of a page: where they lie, their bytes, and pasting decoded ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import tifffile

from slide.checks import EXPORT_AGAIN, shown_size
from slide.image import ImageError

WHITE = 255
_BLOCK = 16  # px: the largest block of JPEG


@dataclass(frozen=True)
class Segment:
    """One strip or tile: its plane, its place in px, its bytes in the file (none: left out)."""

    plane: int
    top: int
    left: int
    offset: int
    count: int

    @property
    def is_missing(self) -> bool:
        """Whether the writer left it out, as scanners do with empty glass."""
        return self.offset == 0 or self.count == 0


def segment_size(page: tifffile.TiffPage) -> tuple[int, int]:
    """Height and width in px of a strip or tile; at the image's edges a part of it is unused."""
    if page.is_tiled:
        return page.tilelength, page.tilewidth
    return min(page.rowsperstrip, page.imagelength), page.imagewidth


def encoded_size(page: tifffile.TiffPage, segment: Segment) -> tuple[int, int]:
    """Height and width in px that are encoded: a tile is padded, the last strip is shorter."""
    height, width = segment_size(page)
    return (height if page.is_tiled else min(height, page.imagelength - segment.top)), width


def segment_count(page: tifffile.TiffPage) -> int:
    """How many strips or tiles the page needs."""
    rows, columns = _grid(page)
    return rows * columns * planes(page)


def segment_tables(page: tifffile.TiffPage) -> tuple[np.ndarray, np.ndarray]:
    """Offsets and byte counts (n,) int64 that both tables hold: at most those the page needs."""
    count = min(len(page.dataoffsets), len(page.databytecounts), segment_count(page))
    return (
        np.array(page.dataoffsets[:count], np.int64),
        np.array(page.databytecounts[:count], np.int64),
    )


def left_out(page: tifffile.TiffPage) -> np.ndarray:
    """(rows, columns) bool of the grid: whether any plane of a strip or tile is left out."""
    offsets, counts = segment_tables(page)
    present = np.zeros(segment_count(page), bool)
    present[: len(offsets)] = (offsets > 0) & (counts > 0)
    return np.asarray(~present.reshape(planes(page), *_grid(page)).all(axis=0))


def segments(page: tifffile.TiffPage) -> Iterator[Segment]:
    """Every strip or tile, in the order of the file's tags."""
    height, width = segment_size(page)
    rows, columns = _grid(page)
    offsets, counts = page.dataoffsets, page.databytecounts
    for index in range(segment_count(page)):
        row, column = divmod(index % (rows * columns), columns)
        place = index // (rows * columns), row * height, column * width
        yield Segment(*place, offsets[index], counts[index])


def segment_at(page: tifffile.TiffPage, row: int, column: int) -> Segment:
    """The strip or tile of a page that is not planar, by its place in the grid."""
    height, width = segment_size(page)
    index = row * _grid(page)[1] + column
    return Segment(
        0, row * height, column * width, page.dataoffsets[index], page.databytecounts[index]
    )


def touched(
    page: tifffile.TiffPage, left: int, top: int, width: int, height: int
) -> Iterator[tuple[int, int]]:
    """Row and column in the grid of the strips or tiles that a region in px touches."""
    tall, wide = segment_size(page)
    for row in range(top // tall, -(-(top + height) // tall)):
        for column in range(left // wide, -(-(left + width) // wide)):
            yield row, column


def read_segment(page: tifffile.TiffPage, segment: Segment, limit: int | None = None) -> bytes:
    """Its encoded bytes, or the first `limit` of them."""
    count = segment.count if limit is None else min(limit, segment.count)
    return _read(page, segment.offset, count)


def read_segment_end(page: tifffile.TiffPage, segment: Segment, limit: int) -> bytes:
    """The last `limit` of its encoded bytes."""
    count = min(limit, segment.count)
    return _read(page, segment.offset + segment.count - count, count)


def _read(page: tifffile.TiffPage, offset: int, count: int) -> bytes:
    handle = page.parent.filehandle
    handle.seek(offset)
    return bytes(handle.read(count))


def check_stream_size(page: tifffile.TiffPage, size: tuple[int, int]) -> None:
    """Raise ImageError if a segment's own header declares far more px than its tags."""
    if math.prod(size) > 4 * math.prod(segment_size(page)) + (1 << 20):
        raise ImageError(
            f"damaged, a strip or tile declares {shown_size(size)} pixels: {EXPORT_AGAIN}"
        )


def check_stream_fits(page: tifffile.TiffPage, size: tuple[int, int]) -> None:
    """Raise ImageError if a segment's own header contradicts the tags.

    size: (width, height) in px that the header declares. Tiles at the border may be cut, and
    strips padded to whole blocks of the codec.
    """
    height, width = segment_size(page)
    if not page.is_tiled and size[0] != width:
        raise ImageError(
            f"damaged, a strip declares a width of {size[0]} px, the image one of {width}: "
            f"{EXPORT_AGAIN}"
        )
    if size[0] > width or size[1] >= height + (1 if page.is_tiled else _BLOCK):
        kind = "tile" if page.is_tiled else "strip"
        raise ImageError(
            f"damaged, a {kind} declares {shown_size(size)} pixels, the tags "
            f"{shown_size((width, height))}: {EXPORT_AGAIN}"
        )


Decode = Callable[[bytes, tuple[int, int]], np.ndarray]


def assemble(page: tifffile.TiffPage, decode: Decode) -> np.ndarray:
    """(height, width, 3) uint8 of a page that is not planar; missing segments are white.

    decode: encoded bytes of a segment, and its (height, width) by the tags, to (height, width, 3)
    uint8, perhaps with padding below or on the right.
    """
    out = np.full((page.imagelength, page.imagewidth, 3), WHITE, np.uint8)
    for segment in segments(page):
        if segment.is_missing:
            continue
        target = segment_region(page, segment, out)
        pixels = decode(read_segment(page, segment), encoded_size(page, segment))
        if pixels.shape[0] < target.shape[0] or pixels.shape[1] < target.shape[1]:
            raise ImageError(f"damaged, a strip or tile is too small: {EXPORT_AGAIN}")
        target[:] = pixels[: target.shape[0], : target.shape[1]]
    return out


def segment_region(page: tifffile.TiffPage, segment: Segment, pixels: np.ndarray) -> np.ndarray:
    """The part of (height, width, n) pixels that a segment covers; a view."""
    height, width = segment_size(page)
    rows = slice(segment.top, segment.top + height)
    return pixels[rows, segment.left : segment.left + width]


def planes(page: tifffile.TiffPage) -> int:
    """Number of planes in which the samples are stored: 1 if they are interleaved."""
    return int(page.samplesperpixel) if page.planarconfig == 2 else 1


def _grid(page: tifffile.TiffPage) -> tuple[int, int]:
    """Rows and columns of segments. Zeros in place of a page's tags leave it without pixels."""
    height, width = segment_size(page)
    if height < 1 or width < 1:
        raise ImageError(f"damaged, a page of it declares no pixels: {EXPORT_AGAIN}")
    return math.ceil(page.imagelength / height), math.ceil(page.imagewidth / width)
