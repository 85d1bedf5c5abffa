"""What a closed ring surrounds: points from which a ray crosses it an odd number of times.

A ring is (n, 2) float64 x, y; its last point is joined with the first.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def points_inside(ring: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(n,) bool: which points with these x (n,) and ascending y (n,) a ring surrounds."""
    odd = np.zeros(len(y), bool)
    for rows, crossings in _crossings(ring, y):
        odd[rows] ^= x[rows] >= crossings
    return odd


def grid_inside(ring: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(rows, columns) bool: which points of a grid a ring surrounds.

    x, y: (columns,) and (rows,) ascending.
    """
    changes = np.zeros((len(y), len(x) + 1), bool)
    for rows, crossings in _crossings(ring, y):
        changes[rows][np.arange(len(crossings)), np.searchsorted(x, crossings)] ^= True
    return np.asarray(np.logical_xor.accumulate(changes, axis=1)[:, :-1])


def within(ring: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the part of a grid, with ascending x and y, that a ring may surround."""
    (left, top), (right, bottom) = ring.min(axis=0), ring.max(axis=0)
    rows, columns = np.searchsorted(y, (top, bottom)), np.searchsorted(x, (left, right))
    return slice(*rows.tolist()), slice(*columns.tolist())


def _crossings(ring: np.ndarray, y: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """The rows, of ascending y, that each edge of a ring crosses, and x (rows,) where it does."""
    for a, b in zip(ring.tolist(), np.roll(ring, -1, axis=0).tolist(), strict=True):
        if a[1] != b[1]:  # a horizontal edge crosses none
            (x0, y0), (x1, y1) = (a, b) if a[1] < b[1] else (b, a)
            rows = slice(*np.searchsorted(y, (y0, y1)).tolist())
            yield rows, x0 + (y[rows] - y0) * ((x1 - x0) / (y1 - y0))
