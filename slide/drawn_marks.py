"""Lines, circles and points that someone drew on the pixels, too thin for the map of the tissue."""

from __future__ import annotations

import numpy as np

from slide.tissue import TissueMap

# By how many grey levels a channel, or two of them, exceed the others. Of 92 real fields, also as
# JPEG of quality 75, none has more than 5 such px, but for the fields_h, where figures are painted
# yellow; a circle of 50 px has 140 px for each pixel of its line.
_MIN_GREEN, _MIN_YELLOW, _MIN_CYAN = 40, 100, 60
_MIN_BLUE, _MIN_RED, _MIN_MAGENTA = 130, 190, 150
_STRIPE_PIXELS = 1 << 21


def marked_pixels(pixels: np.ndarray, tissue_map: TissueMap) -> int:
    """Number of pixels of (height, width, 3) uint8 RGB, in tissue, with a pure colour."""
    step = max(_STRIPE_PIXELS // pixels.shape[1], 1)
    found = 0
    for top in range(0, len(pixels), step):
        rows, columns = np.nonzero(_is_pure(pixels[top : top + step]))
        cells = (rows + top) // tissue_map.cell, columns // tissue_map.cell
        found += int(np.count_nonzero(tissue_map.tissue[cells]))
    return found


def _is_pure(pixels: np.ndarray) -> np.ndarray:
    red, green, blue = np.moveaxis(pixels.astype(np.int16), -1, 0)
    limits = (
        (green - np.maximum(red, blue), _MIN_GREEN),
        (np.minimum(red, green) - blue, _MIN_YELLOW),
        (np.minimum(green, blue) - red, _MIN_CYAN),
        (blue - np.maximum(red, green), _MIN_BLUE),
        (red - np.maximum(green, blue), _MIN_RED),
        (np.minimum(red, blue) - green, _MIN_MAGENTA),
    )
    return np.asarray(np.any([excess > limit for excess, limit in limits], axis=0))
