"""Connected regions of a thresholded image: their centres, areas and bounding boxes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components


class Regions(NamedTuple):
    """What is known of the n regions, from top to bottom.

    Attributes:
        centres: (n, 2) x, y.
        area: (n,) px.
        side: (n,) longer side of the bounding box.
        peaks: (n,) bool: whether any pixel is over the second threshold.
    """

    centres: np.ndarray
    area: np.ndarray
    side: np.ndarray
    peaks: np.ndarray


def measure_regions(levels: np.ndarray) -> Regions:
    """Regions of levels above 0, of which the last column is 0.

    Sums of whole numbers are exact in float64.
    """
    runs, high = Runs.of(levels > 0), Runs.of(levels > 1)
    count, region = runs.regions()
    y, left = np.divmod(runs.starts, runs.width)
    length = runs.ends - runs.starts
    right = left + length - 1
    area = np.bincount(region, length, count)
    x_sum = np.bincount(region, (left + right) * length / 2, count)
    y_sum = np.bincount(region, y * length, count)
    low, far = np.full((2, count), max(levels.shape)), np.zeros((2, count), np.int64)
    for axis, (first, last) in enumerate(((left, right), (y, y))):
        np.minimum.at(low[axis], region, first)
        np.maximum.at(far[axis], region, last)
    peaks = np.zeros(count, bool)
    peaks[region[np.searchsorted(runs.starts, high.starts, "right") - 1]] = True
    centres = np.stack([x_sum, y_sum], axis=1) / area[:, None]
    return Regions(centres, area, (far - low + 1).max(axis=0), peaks)


class Runs(NamedTuple):
    """Runs of neighbouring pixels in a row; there are far fewer of them than pixels.

    Attributes:
        starts, ends: (n,) places in the flattened image, from first to after the last pixel.
        width: of the image.
    """

    starts: np.ndarray
    ends: np.ndarray
    width: int

    @classmethod
    def of(cls, above: np.ndarray) -> Runs:
        """Runs of True in (height, width) bool, of which the last column is False."""
        flat = above.ravel()
        changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        if flat[0]:
            changes = np.concatenate([[0], changes])
        return cls(changes[::2], changes[1::2], above.shape[1])

    def regions(self) -> tuple[int, np.ndarray]:
        """Number of regions, and that of each run (n,), from top to bottom.

        Runs are of one region where they touch a run of the row before, diagonally too.
        """
        first = np.searchsorted(self.ends, self.starts - self.width, "left")
        last = np.searchsorted(self.starts, self.ends - self.width, "right")
        touched = np.maximum(last - first, 0)
        run = np.repeat(np.arange(len(touched)), touched)
        nth = np.arange(len(run)) - np.repeat(np.cumsum(touched) - touched, touched)
        edges = np.ones(len(run), bool), (run, np.repeat(first, touched) + nth)
        graph = coo_matrix(edges, shape=(len(touched), len(touched)))
        count, region = connected_components(graph, directed=False)
        return count, region
