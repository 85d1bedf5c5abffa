"""YCbCr with subsampled chroma in codecs other than JPEG, which few libraries decode."""

from __future__ import annotations

import numpy as np
import tifffile

from slide.checks import EXPORT_AGAIN, EXPORT_IN_COLOUR
from slide.image import ImageError
from slide.tiff.colour import page_ycbcr_to_rgb
from slide.tiff.segments import assemble

_UNCOMPRESSED = 1  # TIFF tag Compression
_DEFAULT_FACTORS = (2, 2)  # TIFF 6.0, section 21, for pages without the tag YCbCrSubSampling


def decode_subsampled_page(page: tifffile.TiffPage) -> np.ndarray:
    """(height, width, 3) uint8 RGB of interleaved samples; chroma is repeated, as libtiff does."""
    if page.fillorder != 1 or page.predictor != 1 or page.planarconfig != 1:
        raise ImageError(f"an unusual layout of subsampled YCbCr colours: {EXPORT_IN_COLOUR}")
    decompress = None
    if page.compression != _UNCOMPRESSED:
        decompress = tifffile.TIFF.DECOMPRESSORS[page.compression]
    factors = page.tags.valueof("YCbCrSubSampling", _DEFAULT_FACTORS)

    def decode(data: bytes, size: tuple[int, int]) -> np.ndarray:
        samples = np.frombuffer(data if decompress is None else decompress(data), np.uint8)
        return page_ycbcr_to_rgb(page, _unpack(samples, size, factors))

    return assemble(page, decode)


def _unpack(samples: np.ndarray, size: tuple[int, int], factors: tuple[int, int]) -> np.ndarray:
    """Data units of TIFF 6.0, section 21, to (height, width, 3).

    A unit holds the luma of a block of `factors` (across, down) px, then its Cb and its Cr. Samples
    of the number of a page that is not subsampled are one, whatever the tag says.
    """
    (height, width), (across, down) = size, factors
    rows, columns = -(-height // down), -(-width // across)
    needed = rows * columns * (across * down + 2)
    if samples.size == height * width * 3 != needed:
        return samples.reshape(height, width, 3)
    if samples.size < needed:
        raise ImageError(f"damaged, a strip or tile is too short: {EXPORT_AGAIN}")
    units = samples[:needed].reshape(rows, columns, across * down + 2)
    out = np.empty((rows, down, columns, across, 3), np.uint8)
    luma = units[..., :-2].reshape(rows, columns, down, across)
    out[..., 0] = luma.transpose(0, 2, 1, 3)
    out[..., 1:] = units[:, None, :, None, -2:]
    return out.reshape(rows * down, columns * across, 3)
