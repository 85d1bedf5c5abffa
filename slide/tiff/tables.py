"""Tables of tiles and tags in vendors' files, of which OpenSlide does not report damage.

Whether tiles that share their bytes are blank is seen in one of each: slides have few such places.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import tifffile

from slide.orientation import orientation_warning
from slide.tiff.pages import tiled_pages
from slide.tiff.places import is_blank, overlap_warning, shared_offsets
from slide.tiff.segments import Segment, read_segment, segment_tables
from slide.tiff.sparse import left_out_warning

MOST_DECODED = 64  # tiles that share their bytes with others


def table_warnings(path: Path) -> tuple[str, ...]:
    """Warnings if tiles of the largest image were left out or share bytes, or if any overlap.

    Also if its orientation is ignored.

    Empty for what is not a TIFF file, or has no tiles, or has tables that only OpenSlide reads.
    """
    try:
        with tifffile.TiffFile(path) as tiff:
            pages = tiled_pages(tiff)
            if not pages:
                return ()
            base = max(pages, key=lambda page: page.imagewidth * page.imagelength)
            warnings = orientation_warning(base.tags.valueof("Orientation"))
            warnings += left_out_warning(base) + overlap_warning(pages)
            return warnings + _shared_warning(base)
    except Exception:  # vendors' peculiarities lead tifffile to any error
        return ()


def _shared_warning(page: tifffile.TiffPage) -> tuple[str, ...]:
    """A warning if tiles of a page show the same tissue from the same bytes."""
    offsets, counts = segment_tables(page)
    number = 0
    for offset in sorted(shared_offsets([page]))[:MOST_DECODED]:
        tiles = np.flatnonzero((offsets == offset) & (counts > 0))
        if not _shows_nothing(page, int(tiles[0])):
            number += len(tiles)
    if not number:
        return ()
    return (f"{number} tiles that are not blank share bytes in the file: it may be damaged",)


def _shows_nothing(page: tifffile.TiffPage, index: int) -> bool:
    """Whether a tile is blank, or cannot be decoded here, so that nothing is known of it."""
    with contextlib.suppress(Exception):
        place = page.dataoffsets[index], page.databytecounts[index]
        data = read_segment(page, Segment(0, 0, 0, *place))
        samples = page.decode(data, index, jpegtables=page.jpegtables)[0]
        return samples is None or is_blank(np.reshape(samples, (-1, page.samplesperpixel)))
    return True
