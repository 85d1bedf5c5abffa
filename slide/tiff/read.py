"""Read a TIFF file: which page, whether it can be used, its pixel size, its pixels."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import tifffile

from slide.image import Image
from slide.interpolation import interpolation_warning
from slide.memory import MemoryBudget, check_memory
from slide.pixel_size import PixelSize, Statement, choose_pixel_size
from slide.tiff.checks import check_page
from slide.tiff.copies import check_copies
from slide.tiff.decode import decode_page
from slide.tiff.ignored import ignored_tags
from slide.tiff.pages import full_resolution, levels_of, stated_copies
from slide.tiff.pixel_size import stated_pixel_sizes
from slide.tiff.places import check_places, check_shared
from slide.tiff.seams import seam_warning
from slide.torn_lines import torn_lines_warning


def read_tiff(path: Path, user: Statement | None, budget: MemoryBudget | None) -> Image:
    """Read the full resolution of a TIFF file; arguments and errors as for read_image."""
    with open_page(path, user) as (page, size):
        shape = page.imagewidth, page.imagelength
        pixels, warnings = decode_page(
            page, path, lambda decoding: check_memory(shape, size.spacing, decoding, budget)
        )
        check_copies(
            pixels, stated_copies(page), lambda copy: decode_page(copy, path, _no_limit)[0]
        )
        check_shared(levels_of(page.parent, page), pixels)
        torn = seam_warning(page, pixels) or torn_lines_warning(pixels)
        warnings += torn or interpolation_warning(pixels)
        warnings += size.warnings + ignored_tags(page)
        return Image(pixels, size.spacing, (0.0, 0.0), size.source, warnings)


def _no_limit(_: float) -> None:
    """A copy takes a quarter of the image at most, and no longer than the comparison."""


@contextlib.contextmanager
def open_page(path: Path, user: Statement | None) -> Iterator[tuple[tifffile.TiffPage, PixelSize]]:
    """The page of the full resolution, its header checked, and its pixel size."""
    with tifffile.TiffFile(path) as tiff:
        page = full_resolution(tiff)
        check_page(page, path.stat().st_size)
        check_places(levels_of(tiff, page))
        yield page, choose_pixel_size(stated_pixel_sizes(page), user)
