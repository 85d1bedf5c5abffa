"""Strips with more rows than the image has left, which some writers make of the last one.

tifffile refuses them in deflate, PackBits and Zstandard.
"""

from __future__ import annotations

import numpy as np
import tifffile

from slide.checks import EXPORT_AGAIN
from slide.image import ImageError
from slide.tiff.segments import assemble, segment_size

_BYTE_STREAMS = (8, 32946, 32773, 50000)  # TIFF tag Compression: deflate (two numbers), …
_NO_PREDICTOR, _REVERSED_BITS = 1, 2  # TIFF tags Predictor, FillOrder
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_DAMAGED = f"damaged, a strip cannot be decoded: {EXPORT_AGAIN}"


def may_have_long_strips(page: tifffile.TiffPage) -> bool:
    """Whether tifffile may have refused the page for its last strip."""
    interleaved = page.planarconfig == 1 and not page.is_tiled
    return interleaved and page.compression in _BYTE_STREAMS


def decode_long_strips(page: tifffile.TiffPage) -> np.ndarray:
    """(height, width, 3) uint8 of interleaved samples as they were encoded.

    Raises ImageError for a strip that is damaged or has too few rows.
    """

    def decode(data: bytes, size: tuple[int, int]) -> np.ndarray:
        rows = _samples(page, data).reshape(-1, size[1], 3)[: size[0]]
        if page.predictor == _NO_PREDICTOR:
            return rows
        return np.asarray(tifffile.TIFF.UNPREDICTORS[page.predictor](rows, axis=1))

    return assemble(page, decode)


def _samples(page: tifffile.TiffPage, data: bytes) -> np.ndarray:
    """(n,) uint8 of a strip, as many as whole rows have."""
    height, width = segment_size(page)
    if page.fillorder == _REVERSED_BITS:
        data = data.translate(_REVERSED)
    try:
        decoded = tifffile.TIFF.DECOMPRESSORS[page.compression](data, out=height * width * 3)
    except Exception as error:
        raise ImageError(_DAMAGED) from error
    return np.frombuffer(decoded, np.uint8)[: len(decoded) // (width * 3) * (width * 3)]
