"""Whether the contrast of an image was changed after the scan: grey levels are missing or doubled.

Any curve that is applied to 8-bit values leaves levels without pixels where it is steep, and puts
two levels into one where it is not (M. Stamm, K. Liu, "Forensic Detection of Image Manipulation
Using Statistical Intrinsic Fingerprints", 2010). Compression as JPEG hides both, but not that
colours are cut off at both ends of the range.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

_WINDOW = 7  # levels whose median is the usual number of pixels
_MIN_USUAL, _MIN_LEVELS = 500, 60  # pixels, and levels with so many: fewer vary by chance
_FEW, _MANY = 0.5, 1.8  # of the usual number
_ENDS = 1, 254  # JPEG blurs 0 and 255
_DARKEST, _BRIGHTEST = 10, 240  # levels: white or black areas of a JPEG have others around them
_MIN_CHROMA = 8  # grey levels between the channels of a pixel; black lines have less


def changed_levels(tiles: Sequence[np.ndarray]) -> float:
    """Share, 0 to 1, of the levels with few or many pixels; of the channel with most of them.

    tiles: (side, side, 3) uint8 RGB. The darkest and the brightest hundredth do not count. 0
    without enough pixels.
    """
    counts = np.zeros((3, 256), np.int64)
    for tile in tiles:
        counts += [np.bincount(plane.ravel(), minlength=256) for plane in np.moveaxis(tile, -1, 0)]
    return max(_irregular(of_channel) for of_channel in counts) if tiles else 0.0


def cut_off_shares(tiles: Sequence[np.ndarray]) -> tuple[float, float]:
    """Shares of the pixels at the darkest or at the brightest level, of the end with fewer.

    tiles: (side, side, 3) uint8 RGB. First of the channel with the fewest such pixels, then of that
    with the most at each end. Of the dark pixels those with a colour count. 0 without pixels.
    """
    if not tiles:
        return 0.0, 0.0
    pixels = np.concatenate([tile.reshape(-1, 3) for tile in tiles])
    coloured = np.ptp(pixels, axis=1) > _MIN_CHROMA
    dark = ((pixels <= _ENDS[0]) & coloured[:, None]).mean(axis=0)
    bright = (pixels >= _ENDS[1]).mean(axis=0)
    return float(min(dark.min(), bright.min())), float(min(dark.max(), bright.max()))


def _irregular(counts: np.ndarray) -> float:
    low, high = np.searchsorted(np.cumsum(counts) / counts.sum(), (0.01, 0.99))
    counts = counts.astype(np.float32)
    usual = np.maximum(  # where most levels are missing, the median says nothing
        ndimage.median_filter(counts, _WINDOW), ndimage.uniform_filter1d(counts, _WINDOW) / 2
    )
    levels = slice(max(low, _DARKEST), min(high, _BRIGHTEST) + 1)
    known = usual[levels] >= _MIN_USUAL
    if np.count_nonzero(known) < _MIN_LEVELS:
        return 0.0
    # On the flank of a peak, as of glass, one neighbour has fewer pixels and the other more.
    few = (counts < _FEW * usual) & (counts == ndimage.minimum_filter1d(counts, 3))
    many = (counts > _MANY * usual) & (counts == ndimage.maximum_filter1d(counts, 3))
    return float((few | many)[levels][known].mean())
