"""Which page of a TIFF file is the image: the full resolution of the one pyramid in it."""

from __future__ import annotations

import json
import re

import tifffile

from slide.checks import EXPORT_AGAIN, SAVE_PAGE
from slide.image import ImageError

MAX_PAGES = 1000  # a pyramid has a dozen; a long chain of empty pages would be read for hours
# TIFF 6.0, tag PhotometricInterpretation: white is zero, black is zero, transparency mask.
_WITHOUT_COLOUR = (0, 1, 4)


def full_resolution(tiff: tifffile.TiffFile) -> tifffile.TiffPage:
    """The largest page, if all others are smaller copies of it or Aperio's pictures of the slide.

    Raises ImageError if the file holds several images, or only a reduced copy of one.
    """
    every = _pages(tiff)
    if not every:
        raise ImageError(f"a TIFF without any page: {EXPORT_AGAIN}")
    pages = [page for page in every if not _is_accessory(page, every[0])] or every
    largest = max(pages, key=_area)
    if not all(page is largest or _is_level_of(largest, page) for page in pages):
        raise ImageError(_why_several(pages))
    if any(_area(page) > _area(largest) for page in every):
        raise ImageError(f"its largest page is marked as a reduced copy: {EXPORT_AGAIN}")
    _check_single(largest)
    return largest


def _why_several(pages: list[tifffile.TiffPage]) -> str:
    """Why pages are not one image, and the remedy."""
    grey = sum(page.photometric in _WITHOUT_COLOUR for page in pages)
    if 0 < grey < len(pages):
        return (
            f"{grey} of {len(pages)} pages without colour, such as a mask: save the image in "
            "colour as a separate file"
        )
    kind = "greyscale pages (channels or slices)" if grey else "pages"
    return f"{len(pages)} {kind} that are not a pyramid of one image: {SAVE_PAGE}"


def levels_of(tiff: tifffile.TiffFile, base: tifffile.TiffPage) -> list[tifffile.TiffPage]:
    """The page of the full resolution and its smaller copies, in the file's chain or in SubIFDs."""
    children = [page for page in base.pages or () if isinstance(page, tifffile.TiffPage)]
    smaller = [page for page in [*_pages(tiff), *children] if _is_level_of(base, page)]
    return [base, *sorted(smaller, key=_area, reverse=True)]


def _pages(tiff: tifffile.TiffFile) -> list[tifffile.TiffPage]:
    """Its pages. tifffile follows a chain that leads back to an earlier page forever."""
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


def tiled_pages(tiff: tifffile.TiffFile) -> list[tifffile.TiffPage]:
    """Its tiled pages, SubIFDs aside: of a vendor's file, which OpenSlide has opened."""
    return [page for page in tiff.pages if isinstance(page, tifffile.TiffPage) and page.is_tiled]


def stated_copies(page: tifffile.TiffPage) -> list[tifffile.TiffPage]:
    """Other pages that only their shape makes copies of `page`: they may be images of their own."""
    every = _pages(page.parent)
    return [
        other
        for other in every
        if other.offset != page.offset and not _is_accessory(other, every[0])
    ]


def _is_accessory(page: tifffile.TiffPage, first: tifffile.TiffPage) -> bool:
    """Marked as a reduced copy, or a thumbnail of an Aperio slide, whose levels are tiled."""
    aperio = first.is_tiled and first.description.startswith("Aperio")
    return bool(page.is_reduced) or (aperio and not page.is_tiled)


def _is_level_of(base: tifffile.TiffPage, page: tifffile.TiffPage) -> bool:
    """Whether `page` has the shape of a shrunken `base`, sides rounded either way."""
    aspect = base.imagelength / max(base.imagewidth, 1)
    height = page.imagewidth * aspect
    return page.imagewidth < base.imagewidth and abs(page.imagelength - height) <= 1 + aspect


def _check_single(page: tifffile.TiffPage) -> None:
    """Images that the chain of pages does not show: in SubIFDs, or behind the pixels."""
    for child in page.pages or ():
        if not isinstance(child, tifffile.TiffPage):
            continue
        if child.offset == page.offset:
            continue
        if _area(child) > _area(page):
            raise ImageError(f"a reduced copy whose original is in a SubIFD: {EXPORT_AGAIN}")
        if not child.is_reduced and not _is_level_of(page, child):
            raise ImageError(f"another image in a SubIFD: {SAVE_PAGE}")
    count = _images_behind(page.description)
    if count > 1:
        raise ImageError(f"{count} slices, but one image is needed: {SAVE_PAGE}")


def _images_behind(description: str) -> int:
    """Images that ImageJ and tifffile store behind the first, without pages for them."""
    if description.startswith("ImageJ="):
        found = re.search(r"^images=(\d+)\s*$", description, re.MULTILINE)
        return int(found[1]) if found else 1
    if description.startswith('{"shape":'):
        try:
            shape = json.loads(description)["shape"]
            return int(shape[0]) if len(shape) == 4 and shape[-1] in (3, 4) else 1
        except (ValueError, TypeError, LookupError):
            return 1
    return 1


def _area(page: tifffile.TiffPage) -> int:
    return int(page.imagewidth) * int(page.imagelength)
