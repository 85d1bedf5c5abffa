"""YCbCr to RGB for pages whose codec leaves the colours as they are stored."""

from __future__ import annotations

import numpy as np
import tifffile

# TIFF 6.0, section 21: luma coefficients of ITU-R BT.601, and code values of black and white for
# Y, Cb and Cr, where the tags YCbCrCoefficients and ReferenceBlackWhite are missing.
COEFFICIENTS = (0.299, 0.587, 0.114)
REFERENCE = (0.0, 255.0, 128.0, 255.0, 128.0, 255.0)
_ROWS = 256  # at a time: the arithmetic takes 4 bytes for a sample


def ycbcr_to_rgb(
    pixels: np.ndarray,
    coefficients: tuple[float, ...] = COEFFICIENTS,
    reference: tuple[float, ...] = REFERENCE,
) -> np.ndarray:
    """(height, width, 3) uint8 YCbCr to RGB, by the formulas of TIFF 6.0, section 21."""
    matrix, offset = _transform(coefficients, reference)
    out = np.empty(pixels.shape, np.uint8)
    for top in range(0, len(pixels), _ROWS):
        rgb = pixels[top : top + _ROWS].astype(np.float32) @ matrix + offset
        out[top : top + _ROWS] = np.clip(rgb + 0.5, 0, 255)
    return out


def page_ycbcr_to_rgb(page: tifffile.TiffPage, pixels: np.ndarray) -> np.ndarray:
    """The same with the page's own coefficients and reference values."""
    return ycbcr_to_rgb(
        pixels,
        _numbers(page, "YCbCrCoefficients", COEFFICIENTS),
        _numbers(page, "ReferenceBlackWhite", REFERENCE),
    )


def _transform(
    coefficients: tuple[float, ...], reference: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """The affine map of code values (Y, Cb, Cr) to RGB: (3, 3) to be multiplied from the right."""
    red, green, blue = coefficients
    black, white = np.array(reference[::2]), np.array(reference[1::2])
    scale = np.array([255.0, 127.0, 127.0]) / (white - black)
    r_of_cr, b_of_cb = 2 - 2 * red, 2 - 2 * blue
    matrix = np.array(
        [
            [1.0, 1.0, 1.0],
            [0.0, -blue * b_of_cb / green, b_of_cb],
            [r_of_cr, -red * r_of_cr / green, 0.0],
        ]
    )
    matrix = scale[:, None] * matrix
    return matrix.astype(np.float32), (-black @ matrix).astype(np.float32)


def _numbers(page: tifffile.TiffPage, tag: str, default: tuple[float, ...]) -> tuple[float, ...]:
    """A tag of rational numbers, as many as `default` has; `default` where it is missing."""
    value = page.tags.valueof(tag)
    if value is None:
        return default
    pairs = np.array(value, np.float64).reshape(-1, 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        numbers = tuple(map(float, pairs[:, 0] / pairs[:, 1]))
    if len(numbers) != len(default):
        raise ValueError(f"{tag} has {len(numbers)} values")
    if not np.isfinite(numbers).all():
        raise ValueError(f"{tag} has values that are not numbers")
    return numbers
