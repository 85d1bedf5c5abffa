"""Strips and tiles that the writer left out, as scanners do with empty glass: they are white."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile

from slide.checks import EXPORT_AGAIN
from slide.image import ImageError
from slide.tiff.segments import (
    WHITE,
    left_out,
    planes,
    segment_count,
    segment_region,
    segments,
)


def is_sparse(page: tifffile.TiffPage) -> bool:
    """Whether any strip or tile is left out."""
    return any(segment.is_missing for segment in segments(page))


def paint_missing(page: tifffile.TiffPage, pixels: np.ndarray) -> tuple[str, ...]:
    """Paint what was left out white, in place; returns a warning if there is any.

    Raises ImageError if only some colour planes of a strip or tile were left out.
    """
    missing = [segment for segment in segments(page) if segment.is_missing]
    if not missing:
        return ()
    places = {(segment.top, segment.left) for segment in missing}
    if len(places) * planes(page) != len(missing):
        raise ImageError(f"some of its colour planes are left out in places: {EXPORT_AGAIN}")
    for segment in missing:
        segment_region(page, segment, pixels)[:] = WHITE
    return _warning(page, len(places))


def left_out_warning(page: tifffile.TiffPage) -> tuple[str, ...]:
    """A warning if the tables of a page leave out any strip or tile; its pixels are not read."""
    count = int(np.count_nonzero(left_out(page)))
    return _warning(page, count) if count else ()


def _warning(page: tifffile.TiffPage, count: int) -> tuple[str]:
    kind = "tiles" if page.is_tiled else "strips"
    total = segment_count(page) // planes(page)
    return (f"the file leaves out {count} of {total} {kind}: taken as white glass",)


@contextlib.contextmanager
def filled_copy(page: tifffile.TiffPage, path: Path) -> Iterator[Path]:
    """A temporary copy in which a present segment repeats where one is missing.

    SimpleITK refuses sparse JPEG files, and no other library decodes subsampled JPEG as it does.
    Raises OSError if there is no room, or the file is larger than its pixels.
    """
    if path.stat().st_size > page.nbytes:
        raise OSError("too large to copy")
    whole = next(segment for segment in segments(page) if not segment.is_missing)
    name = "Tile" if page.is_tiled else "Strip"
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "filled.tif"
        shutil.copyfile(path, copy)
        with tifffile.TiffFile(copy, mode="r+") as tiff:
            tags = tiff.pages.first.tags
            filled = [whole if s.is_missing else s for s in segments(page)]
            tags[f"{name}Offsets"].overwrite([segment.offset for segment in filled])
            tags[f"{name}ByteCounts"].overwrite([segment.count for segment in filled])
        yield copy
