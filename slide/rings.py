"""What a closed ring surrounds: points from which a ray crosses it an odd number of times.

A ring is (n, 2) float64 x, y; its last point is joined with the first.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def points_inside(ring: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(n,) bool: which points with these x (n,) and ascending y (n,) a ring surrounds."""
    odd = np.zeros(len(y), bool)
    for x0, y0, x1, y1 in _edges(ring):
        first, last = np.searchsorted(y, (y0, y1))
        crossing = x0 + (y[first:last] - y0) * ((x1 - x0) / (y1 - y0))
        odd[first:last] ^= x[first:last] >= crossing
    return odd


def grid_inside(ring: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(rows, columns) bool: which points of a grid a ring surrounds.

    x, y: (columns,) and (rows,) ascending.
    """
    changes = np.zeros((len(y), len(x) + 1), bool)
    for x0, y0, x1, y1 in _edges(ring):
        first, last = np.searchsorted(y, (y0, y1))
        crossing = x0 + (y[first:last] - y0) * ((x1 - x0) / (y1 - y0))
        changes[np.arange(first, last), np.searchsorted(x, crossing)] ^= True
    return np.asarray(np.logical_xor.accumulate(changes, axis=1)[:, :-1])


def within(ring: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the part of a grid, with ascending x and y, that a ring may surround."""
    (left, top), (right, bottom) = ring.min(axis=0), ring.max(axis=0)
    rows, columns = np.searchsorted(y, (top, bottom)), np.searchsorted(x, (left, right))
    return slice(*rows.tolist()), slice(*columns.tolist())


def _edges(ring: np.ndarray) -> Iterator[tuple[float, float, float, float]]:
    """x and y of the upper, then of the lower end of each edge that is not horizontal."""
    for a, b in zip(ring.tolist(), np.roll(ring, -1, axis=0).tolist(), strict=True):
        if a[1] != b[1]:
            yield (*a, *b) if a[1] < b[1] else (*b, *a)
