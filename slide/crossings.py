"""Whether the outline of a polygon crosses itself."""

from __future__ import annotations

import numpy as np


def crosses_itself(ring: np.ndarray) -> bool:
    """Whether two edges of a closed ring (n, 2) cross; corners that touch do not count.

    Edges are compared with those that begin within their height, in the order of their upper ends.
    """
    starts, ends = ring, np.roll(ring, -1, axis=0)
    order = np.argsort(np.minimum(starts[:, 1], ends[:, 1]), kind="stable")
    starts, ends = starts[order], ends[order]
    tops, bottoms = np.minimum(starts[:, 1], ends[:, 1]), np.maximum(starts[:, 1], ends[:, 1])
    stops = np.searchsorted(tops, bottoms, "right")
    return any(
        bool(_cross(starts[i], ends[i], starts[i + 1 : stop], ends[i + 1 : stop]).any())
        for i, stop in enumerate(stops)
        if stop > i + 1
    )


def _cross(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """(n,) bool: whether the segment from a to b (2,) crosses those from c to d (n, 2)."""
    apart = _side(a, b, c) * _side(a, b, d) < 0
    return np.asarray(apart & (_side(c, d, a) * _side(c, d, b) < 0))


def _side(a: np.ndarray, b: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Sign (n,) that says on which side of the lines from a to b the points are."""
    along, to = b - a, points - a
    return np.asarray(np.sign(along[..., 0] * to[..., 1] - along[..., 1] * to[..., 0]))
