"""Tables of tiles in vendors' files, of which OpenSlide does not report damage."""

from __future__ import annotations

from pathlib import Path

import tifffile

from slide.tiff.places import overlap_warning
from slide.tiff.sparse import left_out_warning


def table_warnings(path: Path) -> tuple[str, ...]:
    """Warnings if tiles of the largest image were left out, or tiles of any overlap in the file.

    Empty for what is not a TIFF file, or has no tiles, or has tables that only OpenSlide reads.
    """
    try:
        with tifffile.TiffFile(path) as tiff:
            pages = [p for p in tiff.pages if isinstance(p, tifffile.TiffPage) and p.is_tiled]
            if not pages:
                return ()
            base = max(pages, key=lambda page: page.imagewidth * page.imagelength)
            return left_out_warning(base) + overlap_warning(pages)
    except Exception:  # vendors' peculiarities lead tifffile to any error
        return ()
