"""Where strips and tiles lie in the file: damaged offsets lead decoders to the wrong pixels.

Some writers store one blank tile and refer to it wherever the image is blank. Any other bytes
belong to one strip or tile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import tifffile

from slide.checks import EXPORT_AGAIN
from slide.image import ImageError
from slide.tiff.segments import (
    planes,
    segment_count,
    segment_region,
    segment_size,
    segment_tables,
    segments,
)
from slide.wording import counted

_UNCOMPRESSED = 1  # TIFF tag Compression
_MAX_CONTRAST = 8  # grey levels in a blank tile: lossy codecs do not keep it even
_COPIES = f"damaged, strips or tiles that are not blank share the same bytes: {EXPORT_AGAIN}"


def check_places(pages: Sequence[tifffile.TiffPage]) -> None:
    """Raise ImageError if strips or tiles of these pages overlap each other or the file's header.

    Identical places are not checked: see shared_offsets.
    """
    overlapping, starts, ends = _overlapping(pages)
    taken = np.array([place for page in pages for place in _header_places(page)], np.int64)
    first, last = np.sort(taken[:, 0]), np.sort(taken[:, 1])
    in_header = np.searchsorted(first, ends, "left") > np.searchsorted(last, starts, "right")
    if count := overlapping + int(np.count_nonzero(in_header)):
        kind = "tiles" if pages[0].is_tiled else "strips"
        raise ImageError(
            f"damaged, {counted(count, 'overlap')} of its {kind} with others or the header in the "
            f"file: {EXPORT_AGAIN}"
        )


def overlap_warning(pages: Sequence[tifffile.TiffPage]) -> tuple[str, ...]:
    """A warning if tiles of these pages overlap each other in the file."""
    count = _overlapping(pages)[0] if pages else 0
    if not count:
        return ()
    return (f"{counted(count, 'overlap')} of its tiles in the file: it may be damaged",)


def _overlapping(pages: Sequence[tifffile.TiffPage]) -> tuple[int, np.ndarray, np.ndarray]:
    """How many strips or tiles overlap others; starts and ends (n,) of all, each place once."""
    places = np.unique(np.concatenate([_places(page) for page in pages]), axis=0)
    starts, ends = places.T
    return int(np.count_nonzero(starts[1:] < np.maximum.accumulate(ends)[:-1])), starts, ends


def shared_offsets(pages: Iterable[tifffile.TiffPage]) -> frozenset[int]:
    """Offsets of strips and tiles that several of them state."""
    starts = np.concatenate([_places(page) for page in pages])[:, 0]
    offsets, counts = np.unique(starts, return_counts=True)
    return frozenset(offsets[counts > 1].tolist())


def check_shared(pages: Sequence[tifffile.TiffPage], pixels: np.ndarray) -> None:
    """Raise ImageError unless what several strips or tiles show from the same bytes is blank.

    pixels: of the first page, (height, width, 3) uint8.
    """
    shared = shared_offsets(pages)
    for segment in segments(pages[0]) if shared else ():
        if segment.offset in shared:
            check_blank(segment_region(pages[0], segment, pixels))


def check_blank(pixels: np.ndarray) -> None:
    """Raise ImageError unless a shared tile, (height, width, 3) uint8, has one colour."""
    if not is_blank(pixels.reshape(-1, pixels.shape[-1])):
        raise ImageError(_COPIES)


def is_blank(pixels: np.ndarray) -> bool:
    """Whether pixels (n, samples) uint8 have one colour."""
    return bool(np.ptp(pixels, axis=0).max() <= _MAX_CONTRAST)


def _places(page: tifffile.TiffPage) -> np.ndarray:
    """(n, 2) int64: start and end in the file of each strip or tile that is not left out."""
    starts, counts = segment_tables(page)
    if page.compression == _UNCOMPRESSED and not page.is_subsampled:
        counts = np.minimum(counts, _needed(page)[: len(counts)])  # the rest is padding
    present = (starts > 0) & (counts > 0)
    return np.stack([starts, starts + counts], axis=1)[present]


def _needed(page: tifffile.TiffPage) -> np.ndarray:
    """Bytes that the pixels of each uncompressed strip or tile take."""
    height, width = segment_size(page)
    heights = np.full(segment_count(page), height, np.int64)
    if not page.is_tiled:
        strips = len(heights) // planes(page)
        heights[strips - 1 :: strips] = page.imagelength - (strips - 1) * height
    return heights * width * (page.samplesperpixel // planes(page))


def _header_places(page: tifffile.TiffPage) -> list[tuple[int, int]]:
    """Start and end in the file of its header, the page's directory, and its tags' values."""
    sizes = page.parent.tiff
    table = sizes.tagnosize + len(page.tags) * sizes.tagsize + sizes.offsetsize
    ranges = [(0, 2 * sizes.offsetsize), (page.offset, page.offset + table)]
    values = ((tag.valueoffset, tag.valuebytecount) for tag in page.tags)
    return ranges + [(start, start + count) for start, count in values if count]
