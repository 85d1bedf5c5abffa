"""Whether a PNG file has more rows than its header states, which decoders cut off silently."""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from slide.checks import EXPORT_AGAIN
from slide.image import ImageError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SAMPLES = {2: 3, 3: 1, 6: 4}  # by colour type (PNG specification, table 11.1)
_PIECE = 1 << 20  # bytes that are unpacked at a time


def png_chunks(data: mmap.mmap) -> Iterator[tuple[bytes, int, int]]:
    """Name of each chunk, and the place and length of its body."""
    place = len(SIGNATURE)
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        yield data[place + 4 : place + 8], place + 8, length
        place += 12 + length


def check_rows(path: Path) -> None:
    """Raise ImageError if a PNG file of colours encodes more rows than its header states.

    Interlaced files are not checked, and what cannot be unpacked is left to the reader.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        _, place, _ = next(png_chunks(data))
        width, height, bits, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, place)
        if interlaced or colour not in _SAMPLES:
            return
        row = 1 + -(-width * _SAMPLES[colour] * bits // 8)
        if _is_longer(data, (height + 1) * row - 1):
            raise ImageError(f"damaged, more rows than the {height} of its header: {EXPORT_AGAIN}")


def _is_longer(data: mmap.mmap, limit: int) -> bool:
    """Whether the image data unpack to more than so many bytes."""
    unpack = zlib.decompressobj()
    try:
        for name, place, length in png_chunks(data):
            if name == b"IEND":
                break
            packed = data[place : place + length] if name == b"IDAT" else b""
            while packed and not unpack.eof:
                limit -= len(unpack.decompress(packed, _PIECE))
                packed = unpack.unconsumed_tail
                if limit < 0:
                    return True
    except zlib.error:
        pass
    return False
