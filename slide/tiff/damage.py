"""Damage inside of strips and tiles that decoders do not report: they make pixels of any bytes."""

from __future__ import annotations

from collections.abc import Iterator

import tifffile

from slide import jpeg_holes
from slide.checks import EXPORT_AGAIN
from slide.image import ImageError
from slide.jpeg_header import END
from slide.tiff.jpeg import JPEG, check_end
from slide.tiff.jpeg2000 import JPEG2000
from slide.tiff.segments import read_segment, segments

# Shortest run of zeros, in bytes, that a codec does not write, by TIFF tag Compression: LZW,
# Zstandard, WebP. In JPEG 2000 an empty packet is a byte of 0, and an even tile has one for each
# component, level and layer. Deflate, LZMA, PNG and JPEG XL have checks of their own.
_WEBP = 50001
_MIN_HOLE = {5: 64, 50000: 64, _WEBP: 64} | dict.fromkeys(JPEG2000, 512)
_MIN_LOST_END = 64  # bytes: a stream with its end marker may be padded with any number of zeros
_PIXELS = b"\xff\x93"  # JPEG 2000's marker SOD


def check_holes(page: tifffile.TiffPage) -> None:
    """Raise ImageError, with their number, if strips or tiles have holes of zeros.

    A failed copy or download leaves them.
    """
    if page.compression not in JPEG and page.compression not in _MIN_HOLE:
        return
    damaged = sum(has_hole(page, data) for data in _streams(page))
    if damaged:
        kind = "tiles" if page.is_tiled else "strips"
        raise ImageError(
            f"damaged, {damaged} of {len(page.dataoffsets)} {kind} contain zeros in place of "
            f"encoded pixels: {EXPORT_AGAIN}"
        )


def has_hole(page: tifffile.TiffPage, data: bytes) -> bool:
    """Whether the bytes of a strip or tile have a run of zeros that no encoder writes."""
    if page.compression in JPEG:
        return jpeg_holes.has_hole(data, page.jpegtables or b"")
    if page.compression in JPEG2000 and _has_lost_end(data):
        return True
    length = _MIN_HOLE.get(page.compression)
    return length is not None and bytes(length) in _without_padding(page, data)


def check_tile(page: tifffile.TiffPage, data: bytes) -> None:
    """Raise ImageError if the bytes of a slide's tile have a hole of zeros, or JPEG an early end.

    Not for tiles that were left out.
    """
    if has_hole(page, data):
        raise ImageError(f"damaged, a tile contains zeros: {EXPORT_AGAIN}")
    if page.compression in JPEG:
        check_end(data)


def _has_lost_end(data: bytes) -> bool:
    """Whether a JPEG 2000 stream ends in zeros that no end marker precedes.

    The marker is JPEG's, and does not occur in encoded pixels (ITU-T T.800, annex A.4.4).
    """
    return data.endswith(bytes(_MIN_LOST_END)) and data.find(END, data.find(_PIXELS)) < 0


def _without_padding(page: tifffile.TiffPage, data: bytes) -> bytes:
    """The stream without zeros behind it. Decoders of LZW and Zstandard notice a lost end."""
    if page.compression != _WEBP:
        return data.rstrip(b"\0")
    return data[: 8 + int.from_bytes(data[4:8], "little")]  # RIFF: behind its name, its length


def print_damage(page: tifffile.TiffPage) -> None:
    """Have a libjpeg that prints what it notices (slide/libraries.py) decode all JPEG streams.

    For pages that imagecodecs decodes, which keeps it to itself.
    """
    import torch
    from torchvision.io import decode_jpeg  # takes seconds to load, and is seldom needed

    for data in _streams(page):
        tables = page.jpegtables
        whole = data if tables is None else tables[:-2] + data[2:]  # without its end, and start
        decode_jpeg(torch.frombuffer(bytearray(whole), dtype=torch.uint8))


def _streams(page: tifffile.TiffPage) -> Iterator[bytes]:
    return (read_segment(page, segment) for segment in segments(page) if not segment.is_missing)
