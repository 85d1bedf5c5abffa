"""JPEG 2000 strips and tiles, in whose colours vendors' tags and codestreams may disagree.

A page is read where tag Compression, PhotometricInterpretation and the codestream agree, and
refused where they contradict each other: a wrong guess would swap colours silently.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import imagecodecs
import numpy as np
import tifffile

from slide.checks import EXPORT_AGAIN, EXPORT_IN_COLOUR
from slide.image import ImageError
from slide.tiff.colour import ycbcr_to_rgb
from slide.tiff.segments import Decode, assemble, check_stream_fits, check_stream_size

APERIO_YCBCR, APERIO_RGB = 33003, 33005  # TIFF tag Compression
JPEG2000 = (APERIO_YCBCR, 33004, APERIO_RGB, 34712)
_CONTRADICTION = (
    f"JPEG 2000 data and tags that contradict each other about RGB or YCbCr: {EXPORT_IN_COLOUR}"
)


@dataclass(frozen=True)
class Codestream:
    """What the main header of a codestream says.

    Attributes:
        size: px (width, height).
        components: number of components.
        is_subsampled: whether the components differ in resolution.
        is_transformed: whether the codec transforms the components, as it does with RGB only.
        container_colour: EnumCS of a JP2 file's colour box (16 sRGB, 18 sYCC), None without one.
    """

    size: tuple[int, int]
    components: int
    is_subsampled: bool
    is_transformed: bool
    container_colour: int | None


def decode_jpeg2000_page(page: tifffile.TiffPage) -> np.ndarray:
    """(height, width, 3) uint8 RGB of a page of three interleaved samples."""
    return assemble(page, jpeg2000_decoder(page))


def jpeg2000_decoder(page: tifffile.TiffPage) -> Decode:
    """Decodes a strip or tile of three interleaved samples to RGB."""

    def decode(data: bytes, _: tuple[int, int]) -> np.ndarray:
        stream = read_codestream_header(data)
        check_stream_size(page, stream.size)
        check_stream_fits(page, stream.size)
        stored_as_ycbcr = _is_ycbcr(page, stream)
        pixels = np.asarray(imagecodecs.jpeg2k_decode(data))
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise ImageError(f"its JPEG 2000 data are not 8-bit colour: {EXPORT_IN_COLOUR}")
        return ycbcr_to_rgb(pixels) if stored_as_ycbcr else pixels

    return decode


def read_codestream_header(data: bytes) -> Codestream:
    """The main header of a codestream, bare or in a JP2 file (ITU-T T.800, annexes A and I)."""
    start = data.find(b"\xff\x4f\xff\x51")  # SOC, SIZ
    if start < 0:
        raise ImageError(f"damaged, a strip or tile is not JPEG 2000: {EXPORT_AGAIN}")
    box = data.find(b"colr\x01", 0, start)
    container = struct.unpack_from(">I", data, box + 7)[0] if box >= 0 else None
    right, bottom, left, top = struct.unpack_from(">4I", data, start + 8)
    (count,) = struct.unpack_from(">H", data, start + 40)
    factors = {data[i : i + 2] for i in range(start + 43, start + 42 + 3 * count, 3)}
    coding = data.find(b"\xff\x52", start + 42 + 3 * count)  # COD
    transformed = coding >= 0 and data[coding + 8] == 1
    size = max(right - left, 0), max(bottom - top, 0)
    return Codestream(size, count, len(factors) > 1, transformed, container)


def _is_ycbcr(page: tifffile.TiffPage, stream: Codestream) -> bool:
    """Whether the decoder returns Y, Cb, Cr. Raises ImageError where that is contradictory."""
    says_ycbcr = page.photometric == 6 or page.compression == APERIO_YCBCR
    if stream.container_colour == 18 or stream.is_subsampled:
        return False  # imagecodecs has converted it: RGB has no subsampled components
    if stream.container_colour == 16 or stream.is_transformed:
        says_rgb = True
    else:
        says_rgb = page.compression == APERIO_RGB
    if says_ycbcr and says_rgb:
        raise ImageError(_CONTRADICTION)
    return says_ycbcr
