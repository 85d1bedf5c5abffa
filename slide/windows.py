"""How even and how neutral the surroundings of each cell of a map are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage


class Windows(NamedTuple):
    """Of 3x3 cells around each cell and around those just outside, (rows + 2, columns + 2) float32.

    Attributes:
        deviation: largest standard deviation of the channels.
        chroma: largest minus smallest channel of the mean colour.
        darkest: smallest channel of the mean colour.
    """

    deviation: np.ndarray
    chroma: np.ndarray
    darkest: np.ndarray


def windows(colours: np.ndarray) -> Windows:
    """How even and how neutral cells (rows, columns, 3) are. Cells outside do not count."""
    padded = np.pad(colours.astype(np.float32), ((1, 1), (1, 1), (0, 0)))
    count = _sum_of_nine(np.pad(np.ones(colours.shape[:2], np.float32), 1))
    means = np.stack([_sum_of_nine(padded[..., i]) / count for i in range(3)])
    squares = np.stack([_sum_of_nine(padded[..., i] ** 2) / count for i in range(3)])
    variance = (squares - means**2).max(axis=0)
    darkest = means.min(axis=0)
    return Windows(np.sqrt(np.maximum(variance, 0)), means.max(axis=0) - darkest, darkest)


def cells_of(chosen: np.ndarray) -> np.ndarray:
    """(rows, columns) bool: cells in any of the chosen windows, (rows + 2, columns + 2) bool."""
    return np.asarray(ndimage.binary_dilation(chosen, np.ones((3, 3), bool))[1:-1, 1:-1])


def _sum_of_nine(values: np.ndarray) -> np.ndarray:
    """Sum of each 3x3 neighbourhood; zeros around the array."""
    rows = ndimage.correlate1d(values, np.ones(3), axis=0, mode="constant")
    return np.asarray(ndimage.correlate1d(rows, np.ones(3), axis=1, mode="constant"))
