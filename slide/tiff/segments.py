"""The strips or tiles of a page: where they lie, which are left out, and pasting decoded ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import tifffile

from slide.checks import EXPORT_AGAIN
from slide.image import ImageError

WHITE = 255


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


def segment_count(page: tifffile.TiffPage) -> int:
    """How many strips or tiles the page needs."""
    rows, columns, planes = _grid(page)
    return rows * columns * planes


def segments(page: tifffile.TiffPage) -> Iterator[Segment]:
    """Every strip or tile, in the order of the file's tags."""
    height, width = segment_size(page)
    rows, columns, _ = _grid(page)
    offsets, counts = page.dataoffsets, page.databytecounts
    for index in range(segment_count(page)):
        row, column = divmod(index % (rows * columns), columns)
        place = index // (rows * columns), row * height, column * width
        yield Segment(*place, offsets[index], counts[index])


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


def assemble(page: tifffile.TiffPage, decode: Callable[[bytes], np.ndarray]) -> np.ndarray:
    """(height, width, 3) uint8 of a page that is not planar; missing segments are white.

    decode: encoded bytes of a segment to (height, width, 3) uint8, perhaps with padding below or
    on the right.
    """
    size = segment_size(page)
    out = np.full((page.imagelength, page.imagewidth, 3), WHITE, np.uint8)
    for segment in segments(page):
        if segment.is_missing:
            continue
        target = _target(out, segment, size)
        pixels = decode(read_segment(page, segment))
        if pixels.shape[0] < target.shape[0] or pixels.shape[1] < target.shape[1]:
            raise ImageError(f"damaged, a strip or tile is too small: {EXPORT_AGAIN}")
        target[:] = pixels[: target.shape[0], : target.shape[1]]
    return out


def paint_missing(page: tifffile.TiffPage, pixels: np.ndarray) -> tuple[str, ...]:
    """Paint segments that were left out white, in place; returns a warning if there are any.

    Raises ImageError if only some colour planes of a segment were left out.
    """
    size = segment_size(page)
    missing = [segment for segment in segments(page) if segment.is_missing]
    if not missing:
        return ()
    planes = _grid(page)[2]
    places = {(segment.top, segment.left) for segment in missing}
    if len(places) * planes != len(missing):
        raise ImageError(f"some of its colour planes are left out in places: {EXPORT_AGAIN}")
    for segment in missing:
        _target(pixels, segment, size)[:] = WHITE
    kind = "tiles" if page.is_tiled else "strips"
    total = segment_count(page) // planes
    return (f"{len(places)} of {total} {kind} are left out of the file: taken as white glass",)


def _grid(page: tifffile.TiffPage) -> tuple[int, int, int]:
    """Rows and columns of segments, and planes."""
    height, width = segment_size(page)
    planes = page.samplesperpixel if page.planarconfig == 2 else 1
    return math.ceil(page.imagelength / height), math.ceil(page.imagewidth / width), planes


def _target(pixels: np.ndarray, segment: Segment, size: tuple[int, int]) -> np.ndarray:
    """The part of the image that a segment covers."""
    rows = slice(segment.top, segment.top + size[0])
    return pixels[rows, segment.left : segment.left + size[1]]
