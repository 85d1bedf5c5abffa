"""How sharp tissue is: along its rows and columns, and in its finest details."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from slide.nuclei import halved


def sharpness(tile: np.ndarray) -> float:
    """0.99 quantile of the differences between neighbouring pixels of 0.5 µm, in contrasts.

    tile: (side, side, 3) uint8 RGB of 0.25 µm per pixel. The contrast is the standard deviation of
    the brightness within 8 µm.
    """
    grey, contrast = _grey(tile)
    return _steps(grey) / contrast


def sharpness_along(tiles: Sequence[np.ndarray]) -> tuple[float, float]:
    """The same between rows and between columns alone: medians of squares."""
    each = []
    for grey, contrast in map(_grey, tiles):
        each.append([_steps(grey, [axis]) / contrast for axis in (0, 1)])
    rows, columns = np.median(each, axis=0)
    return float(rows), float(columns)


def fineness(tile: np.ndarray) -> float:
    """0.99 quantile of the differences between neighbouring pixels, in doublings of that between
    means of 2x2 pixels; tile as for sharpness."""
    grey = tile.mean(axis=-1, dtype=np.float32)
    return math.log2(max(_steps(grey), 1e-3) / max(_steps(halved(grey)), 1e-3))


def _grey(tile: np.ndarray) -> tuple[np.ndarray, float]:
    """Brightness of 2x2 px, and its contrast."""
    grey = halved(tile.mean(axis=-1, dtype=np.float32))
    return grey, max(float((grey - ndimage.uniform_filter(grey, 17)).std()), 1e-3)


def _steps(grey: np.ndarray, axes: Sequence[int] = (0, 1)) -> float:
    """0.99 quantile of the differences between neighbouring pixels."""
    steps = np.concatenate([np.abs(np.diff(grey, axis=axis)).ravel() for axis in axes])
    return float(np.percentile(steps, 99))
