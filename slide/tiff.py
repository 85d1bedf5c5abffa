"""Read a TIFF file: the header by tifffile, the pixels by SimpleITK or tifffile.

SimpleITK reads a tiled greyscale or 16-bit file as if it were 8-bit colour, so the header comes
from tifffile. The pixels come from SimpleITK, and from tifffile where SimpleITK refuses (other
codecs, pages that are a pyramid). JPEG decodes differ by some grey levels between the two. Where
the compression is lossless and both give the same, tifffile is asked first: SimpleITK holds such an
image two or three times. Which one is used follows from the file alone.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile

from slide import itk
from slide.checks import CONVERT_TO_8_BITS, EXPORT_AGAIN, EXPORT_IN_COLOUR, SAVE_PAGE, check_size
from slide.image import Image, ImageError
from slide.memory import BY_RGBA, FILLED, MemoryBudget, check_memory
from slide.pixel_size import choose_spacing

MAX_PAGES = 1000  # a pyramid has a dozen; a long chain of empty pages would be read for hours

_MILLIMETRES_PER_UNIT = {2: 25.4, 3: 10.0}  # TIFF 6.0, tag ResolutionUnit: inch, centimetre
_COLOUR = (2, 6)  # TIFF 6.0, tag PhotometricInterpretation: RGB, YCbCr
# TIFF's tag Compression: none, LZW, deflate (two numbers), PackBits, LZMA, Zstandard.
_LOSSLESS = (1, 5, 8, 32946, 32773, 34925, 50000)
_READ_BUFFER = 1 << 24  # bytes of encoded pixels at a time
_OTHER_COLOUR = {0: "greyscale", 1: "greyscale", 3: "a palette image", 5: "CMYK"}


def read_tiff(path: Path, mpp: float | None, budget: MemoryBudget | None) -> Image:
    """Read the full resolution of a TIFF file; arguments and errors as for read_image."""
    with open_page(path, mpp) as (page, spacing):
        size = page.imagewidth, page.imagelength
        if _is_exact(page):
            filled = page.samplesperpixel == 3 and page.planarconfig == 1
            check_memory(size, spacing, FILLED if filled else BY_RGBA, budget)
            with contextlib.suppress(Exception):  # such as a last strip as long as the others
                return Image(_decoded(page), spacing, (0.0, 0.0))
        check_memory(size, spacing, BY_RGBA, budget)
        return Image(_page_pixels(page, path), spacing, (0.0, 0.0))


@contextlib.contextmanager
def open_page(
    path: Path, mpp: float | None
) -> Iterator[tuple[tifffile.TiffPage, tuple[float, float]]]:
    """The page of the full resolution, its header checked, and mm per pixel (x, y)."""
    with tifffile.TiffFile(path) as tiff:
        page = _full_resolution(tiff)
        _check_page(page, path.stat().st_size)
        yield page, choose_spacing(_page_spacing(page) if mpp is None else None, mpp)


# ------------------------------------------------------------------------------------------- pages


def _full_resolution(tiff: tifffile.TiffFile) -> tifffile.TiffPage:
    """The one image of the file: pages marked as reduced or scaled copies of it are its pyramid."""
    every = _pages(tiff)
    pages = [page for page in every if not page.is_reduced] or every
    if not pages:
        raise ImageError(f"a TIFF without any page: {EXPORT_AGAIN}")
    largest = max(pages, key=lambda page: page.imagewidth * page.imagelength)
    if not all(page is largest or _is_level_of(largest, page) for page in pages):
        raise ImageError(f"{len(pages)} pages that are no pyramid of one image: {SAVE_PAGE}")
    return largest


def _pages(tiff: tifffile.TiffFile) -> list[tifffile.TiffPage]:
    """Its pages. tifffile walks a chain that leads back to an earlier page for ever."""
    pages: list[tifffile.TiffPage] = []
    offsets: set[int] = set()
    for page in tiff.pages:
        if page.offset in offsets:
            raise ImageError(f"damaged, its pages lead back to an earlier one: {EXPORT_AGAIN}")
        if len(offsets) == MAX_PAGES:
            raise ImageError(f"more than {MAX_PAGES} pages: {SAVE_PAGE}")
        offsets.add(page.offset)
        if isinstance(page, tifffile.TiffPage):
            pages.append(page)
    return pages


def _is_level_of(base: tifffile.TiffPage, page: tifffile.TiffPage) -> bool:
    """Whether `page` has the shape of a shrunken `base`, sides rounded either way."""
    aspect = base.imagelength / max(base.imagewidth, 1)
    height = page.imagewidth * aspect
    return page.imagewidth < base.imagewidth and abs(page.imagelength - height) <= 1 + aspect


def _page_spacing(page: tifffile.TiffPage) -> tuple[float, float] | None:
    """mm per pixel (x, y) as the resolution tags have it, None where they say nothing."""
    unit = _MILLIMETRES_PER_UNIT.get(page.tags.valueof("ResolutionUnit"))
    tags = [page.tags.valueof(name) for name in ("XResolution", "YResolution")]
    if unit is None or any(tag is None or 0 in tag for tag in tags):
        return None
    (x, x_per), (y, y_per) = tags
    return unit * x_per / x, unit * y_per / y


def _check_page(page: tifffile.TiffPage, file_bytes: int) -> None:
    check_size((page.imagewidth, page.imagelength))
    if page.is_tiled:
        check_size((page.tilewidth, page.tilelength))
    if page.imagedepth != 1:
        raise ImageError(f"{page.imagedepth} slices, but one image is needed: {SAVE_PAGE}")
    if page.photometric not in _COLOUR or page.samplesperpixel not in (3, 4):
        photometric = int(page.photometric)
        kind = _OTHER_COLOUR.get(photometric, f"{page.samplesperpixel} channels ({photometric=})")
        raise ImageError(f"{kind}, but RGB is needed: {EXPORT_IN_COLOUR}")
    if page.dtype != np.uint8 or page.bitspersample != 8:
        raise ImageError(f"{page.bitspersample}-bit samples ({page.dtype}): {CONVERT_TO_8_BITS}")
    ends = [o + n for o, n in zip(page.dataoffsets, page.databytecounts, strict=False)]
    if len(ends) < math.prod(page.chunked) or not any(page.databytecounts):
        raise ImageError(f"a TIFF header without all its pixels: {EXPORT_AGAIN}")
    if max(ends) > file_bytes:
        missing = max(ends) - file_bytes
        raise ImageError(f"truncated, the last {missing} bytes are missing: {EXPORT_AGAIN}")


# ------------------------------------------------------------------------------------------ pixels


def _page_pixels(page: tifffile.TiffPage, path: Path) -> np.ndarray:
    size = (page.imagewidth, page.imagelength)
    if page.index == 0:
        with contextlib.suppress(RuntimeError):  # what SimpleITK raises for all it refuses
            reader = itk.open_reader(path, "TIFFImageIO")
            reader.ReadImageInformation()
            if reader.GetSize() == size:
                return itk.read_pixels(reader)
    return _decoded(page)


def _decoded(page: tifffile.TiffPage) -> np.ndarray:
    """(height, width, 3) uint8 by tifffile, alpha left out."""
    pixels = page.asarray(buffersize=_READ_BUFFER)
    if page.axes == "SYX":  # stored plane by plane
        pixels = np.moveaxis(pixels, 0, -1)
    return np.ascontiguousarray(pixels[..., :3])


def _is_exact(page: tifffile.TiffPage) -> bool:
    """Whether every reader decodes it to the same pixels."""
    return page.compression in _LOSSLESS and page.photometric == _COLOUR[0]
