"""JPEG strips and tiles: which colours they hold, whatever PhotometricInterpretation says."""

from __future__ import annotations

import imagecodecs
import numpy as np
import tifffile

from slide.checks import EXPORT_AGAIN
from slide.image import ImageError
from slide.jpeg_header import Colour, JpegHeader, check_jpeg, ends_once, has_end, read_jpeg_header
from slide.tiff.segments import (
    Decode,
    Segment,
    assemble,
    check_stream_fits,
    check_stream_size,
    encoded_size,
    read_segment,
    read_segment_end,
    segment_size,
    segments,
)

JPEG = (7, 34892, 33007)  # TIFF tag Compression: JPEG, of DNG, of old Aperio readers
_USUAL_HEADER = 1 << 12  # bytes in which the frame header is found, unless it has a long profile
_PADDED_END = 64  # bytes in which the end marker is found
_DAMAGED = f"damaged, a strip or tile is not a whole JPEG stream: {EXPORT_AGAIN}"


def tagged_colour(page: tifffile.TiffPage) -> Colour:
    """The colours that PhotometricInterpretation names."""
    return "ycbcr" if page.photometric == 6 else "rgb"


def check_streams(page: tifffile.TiffPage) -> bool:
    """Whether all streams hold the colours that the tag names, so that any reader is right.

    Raises ImageError if a stream is cut off, or does not hold 8-bit samples of the page's number.
    """
    agree, tagged = True, tagged_colour(page)
    expected = page.samplesperpixel if page.planarconfig == 1 else 1
    for segment in segments(page):
        if not segment.is_missing:
            header = _whole_stream(page, segment)
            check_jpeg(header, expected)
            check_stream_size(page, header.size)
            check_stream_fits(page, header.size)
            agree = agree and header.colour in (None, tagged) and _fits(page, segment, header)
    return agree


def _fits(page: tifffile.TiffPage, segment: Segment, header: JpegHeader) -> bool:
    """Whether the stream has the size of the tags; libtiff leaves the rest to chance.

    The last strip may be as long as the others.
    """
    height, width = encoded_size(page, segment)
    return header.size in ((width, height), (width, segment_size(page)[0]))


def decode_jpeg_page(page: tifffile.TiffPage) -> np.ndarray:
    """(height, width, 3) uint8 RGB of interleaved samples, each stream by its own colours."""
    decode = jpeg_decoder(page)

    def decode_whole(data: bytes, size: tuple[int, int]) -> np.ndarray:
        check_end(data)
        return decode(data, size)

    return assemble(page, decode_whole)


def jpeg_decoder(page: tifffile.TiffPage) -> Decode:
    """Decodes a strip or tile of interleaved samples to RGB by its own colours."""
    tables, tagged = page.jpegtables, tagged_colour(page)

    def decode(data: bytes, _: tuple[int, int]) -> np.ndarray:
        header = read_jpeg_header(data)
        colour = tagged if header is None or header.colour is None else header.colour
        pixels = imagecodecs.jpeg_decode(
            data, tables=tables, colorspace=colour.upper(), outcolorspace="RGB"
        )
        return np.asarray(pixels)

    return decode


def check_end(data: bytes) -> None:
    """Raise ImageError if a stream is cut off, also by an end marker inside of it."""
    if not ends_once(data):
        raise ImageError(_DAMAGED)


def _whole_stream(page: tifffile.TiffPage, segment: Segment) -> JpegHeader:
    header = read_jpeg_header(read_segment(page, segment, _USUAL_HEADER))
    ended = has_end(read_segment_end(page, segment, _PADDED_END))
    if header is None or not ended:
        data = read_segment(page, segment)
        header, ended = read_jpeg_header(data), has_end(data.rstrip(b"\0")[-2:])
    if header is None or not ended:
        raise ImageError(_DAMAGED)
    return header
