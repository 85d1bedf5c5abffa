"""Which pages are refused before any pixel is decoded, each with the true reason."""

from __future__ import annotations

import numpy as np
import tifffile

from slide.checks import CONVERT_TO_8_BITS, EXPORT_AGAIN, EXPORT_IN_COLOUR, SAVE_PAGE, check_size
from slide.image import ImageError
from slide.tiff.segments import Segment, encoded_size, planes, segment_count, segments

RGB, YCBCR = 2, 6  # TIFF 6.0, tag PhotometricInterpretation
OLD_JPEG = 6  # TIFF tag Compression; TIFF Technical Note 2 withdrew it: readers disagree
_UNCOMPRESSED = 1  # TIFF tag Compression
_WITHOUT_PREDICTOR = (1, 32773)  # Compression: none, PackBits
_OTHER_COLOURS = {
    0: "greyscale", 1: "greyscale", 3: "a palette image", 4: "a transparency mask", 5: "CMYK",
    8: "CIELab", 9: "ICCLab", 10: "ITULab", 32803: "a colour filter array (camera raw)",
    32844: "LogL", 32845: "LogLuv", 34892: "linear camera raw",
}  # fmt: skip


def check_page(page: tifffile.TiffPage, file_bytes: int) -> None:
    """Raise ImageError unless the page declares 8-bit RGB or YCbCr, whole and of a sane size."""
    check_size((page.imagewidth, page.imagelength))
    check_layout(page, file_bytes)


def check_layout(page: tifffile.TiffPage, file_bytes: int) -> None:
    """The same for a page of any size, which is read tile by tile."""
    if page.is_tiled:
        check_size((page.tilewidth, page.tilelength))
    if page.imagedepth != 1:
        raise ImageError(f"{page.imagedepth} slices, but one image is needed: {SAVE_PAGE}")
    _check_colour(page)
    _check_samples(page)
    _check_extent(page, file_bytes)


def _check_colour(page: tifffile.TiffPage) -> None:
    photometric, samples = int(page.photometric), page.samplesperpixel
    kind = _OTHER_COLOURS.get(photometric)
    if kind == "greyscale" and samples > 1:
        kind += " with alpha" if samples == 2 else f", {samples} channels not marked as RGB"
    elif kind is None and photometric not in (RGB, YCBCR):
        kind = f"colours of an unknown kind (PhotometricInterpretation {photometric})"
    elif kind is None and samples not in (3, 4):
        kind = f"{samples} channel{'' if samples == 1 else 's'}"
    if kind is not None:
        raise ImageError(f"{kind}, but RGB is needed: {EXPORT_IN_COLOUR}")


def _check_samples(page: tifffile.TiffPage) -> None:
    if page.dtype != np.uint8 or page.bitspersample != 8:
        raise ImageError(f"{page.bitspersample!r}-bit samples ({page.dtype}): {CONVERT_TO_8_BITS}")
    if page.planarconfig not in (1, 2):
        raise ImageError(f"unknown PlanarConfiguration {page.planarconfig!r}: {EXPORT_AGAIN}")
    if page.predictor != 1 and page.compression in _WITHOUT_PREDICTOR:
        raise ImageError(
            f"a predictor without a codec that has one, on which readers disagree: {EXPORT_AGAIN}"
        )
    if page.compression == OLD_JPEG:
        raise ImageError(
            "old-style JPEG (Compression 6), which readers decode differently: save it with "
            "another compression"
        )


def _check_extent(page: tifffile.TiffPage, file_bytes: int) -> None:
    ends = [o + n for o, n in zip(page.dataoffsets, page.databytecounts, strict=False)]
    if len(ends) < segment_count(page) or not any(page.databytecounts):
        raise ImageError(f"a TIFF header without all its pixels: {EXPORT_AGAIN}")
    kind = "Tile" if page.is_tiled else "Strip"
    stored = page.tags[f"{kind}Offsets"].count  # tifffile leaves out surplus offsets
    if stored > segment_count(page):
        raise ImageError(
            f"damaged, it has {stored} {kind.lower()}s where its size takes "
            f"{segment_count(page)}: {EXPORT_AGAIN}"
        )
    if max(ends) > file_bytes:
        missing = max(ends) - file_bytes
        raise ImageError(f"truncated, the last {missing} bytes are missing: {EXPORT_AGAIN}")
    if page.compression == _UNCOMPRESSED and not page.is_subsampled:
        _check_uncompressed(page)


def _check_uncompressed(page: tifffile.TiffPage) -> None:
    """Segments whose bytes are not those of the pixels that the header declares."""
    for segment in segments(page):
        if not segment.is_missing:
            check_bytes(page, segment, segment.count)


def check_bytes(page: tifffile.TiffPage, segment: Segment, count: int) -> None:
    """Raise ImageError if the bytes of a decoded segment show that the width is wrong.

    A few more bytes are padding. The last strip may be as long as the others.
    """
    needed, (height, width) = bytes_of(page, segment), encoded_size(page, segment)
    whole_strip = page.rowsperstrip * width * (page.samplesperpixel // planes(page))
    if needed <= count < needed + height or (count == whole_strip and not page.is_tiled):
        return
    raise ImageError(
        f"damaged, a strip or tile has {count} bytes where its pixels take {needed}: {EXPORT_AGAIN}"
    )


def bytes_of(page: tifffile.TiffPage, segment: Segment) -> int:
    """How many bytes the 8-bit samples of a strip or tile take."""
    height, width = encoded_size(page, segment)
    return height * width * (page.samplesperpixel // planes(page))
