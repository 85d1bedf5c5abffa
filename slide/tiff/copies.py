"""Whether smaller pages of a file show the same as the largest one.

Not all writers mark the levels of a pyramid as reduced copies, so shape alone would let a second,
smaller image pass for a copy and be ignored.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import PIL.Image
import tifffile

from slide.checks import SAVE_PAGE
from slide.image import ImageError

_GRID = 32  # cells in each direction that are compared
_SAMPLES = 16  # px a cell in each direction
_MIN_CORRELATION = 0.8
_MAX_DIFFERENCE = 3.0  # grey levels: two images of nothing but glass do not correlate

Decode = Callable[[tifffile.TiffPage], np.ndarray]


def check_copies(pixels: np.ndarray, pages: list[tifffile.TiffPage], decode: Decode) -> None:
    """Raise ImageError unless the pages show the same as pixels (height, width, 3).

    decode: a page to (height, width, 3) uint8. What it cannot decode is not compared.
    """
    for page in pages:
        try:
            other = decode(page)
        except Exception:
            continue
        if _is_another(pixels, other):
            raise ImageError(
                f"a page of {page.imagewidth}x{page.imagelength} px that is not a reduced copy of "
                f"the largest: {SAVE_PAGE}"
            )


def _is_another(pixels: np.ndarray, other: np.ndarray) -> bool:
    one, two = _coarse(pixels), _coarse(other)
    if np.abs(one - two).mean() <= _MAX_DIFFERENCE:
        return False
    covariance = ((one - one.mean()) * (two - two.mean())).mean()
    return bool(covariance < _MIN_CORRELATION * one.std() * two.std())


def _coarse(pixels: np.ndarray) -> np.ndarray:
    """Mean brightness (_GRID, _GRID) float64 of samples."""
    steps = [max(side // (_GRID * _SAMPLES), 1) for side in pixels.shape[:2]]
    sampled = np.ascontiguousarray(pixels[:: steps[0], :: steps[1]])
    grey = PIL.Image.fromarray(sampled).convert("L")
    return np.asarray(grey.resize((_GRID, _GRID), PIL.Image.Resampling.BOX), np.float64)
