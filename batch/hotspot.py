"""The part of an image with the most mitotic figures.

Pathologists count in the most active area of a fixed size, because the count of a whole slide
depends on how much of the tumour is in it (Cree et al., "Counting mitoses: SI(ze) matters!",
Modern Pathology 34, 2021, doi:10.1038/s41379-021-00825-7).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# The area in which mitotic figures are counted, about ten high-power fields, and its shape: a field
# of view on a screen is a rectangle of 4:3, as are the regions of MIDOG's training set.
AREA_MM2 = 2.0
ASPECT = 4 / 3


class Hotspot(NamedTuple):
    """A rectangle and the figures in it.

    Attributes:
        left, top: px from the image's left and upper border.
        width, height: px of the image.
        area_mm2: of the rectangle.
        figures: how many points it holds.
    """

    left: float
    top: float
    width: float
    height: float
    area_mm2: float
    figures: int

    def holds(self, points: np.ndarray) -> np.ndarray:
        """(n,) bool: whether points (n, 2) x, y in px, from the first pixel's centre, are inside.

        A point within a millionth of a pixel of the border is inside.
        """
        low = np.array([self.left, self.top]) - 0.5 - 1e-6
        high = low + (self.width, self.height) + 2e-6
        return np.asarray(((points >= low) & (points <= high)).all(axis=1))


def hotspot(points: np.ndarray, size_px: tuple[int, int], mpp: tuple[float, float]) -> Hotspot:
    """The upright 4:3 rectangle of 2 mm² that holds the most points, or the whole smaller image.

    The search is exact: a rectangle can be moved right and down until its left and its top edge
    touch a point without losing one, so only those places are compared. Among equals the leftmost
    is taken, then the topmost, and it is moved so that its points are in its middle. Where the
    image is too narrow for 4:3, the rectangle is as wide (or high) as the image and longer.

    Args:
        points: (n, 2) x, y in px, from the centre of the first pixel.
        size_px: width and height of the image.
        mpp: µm per pixel, (x, y).
    """
    size = np.array(size_px, np.float64)
    side = _sides(size * mpp / 1000) * 1000 / np.array(mpp)
    area = float(np.prod(side * mpp)) / 1e6
    free = np.maximum(size - side, 0)  # how far the rectangle can be moved
    corners = np.asarray(points, np.float64).reshape(-1, 2) + 0.5
    corners = np.clip(corners[np.argsort(corners[:, 0], kind="stable")], 0, size)
    place, figures = np.zeros(2), 0
    for left in np.unique(np.minimum(corners[:, 0], free[0])):
        first, last = np.searchsorted(corners[:, 0], (left, left + side[0] + 1e-6))
        if last - first <= figures:
            continue  # even all of the column would not be more
        top, count = _best_row(corners[first:last, 1], side[1], free[1])
        if count > figures:
            place, figures = np.array([left, top]), count
    left, top = place.tolist()
    width, height = side.tolist()
    found = Hotspot(left, top, width, height, area, figures)
    inside = corners[found.holds(corners - 0.5)]
    if not figures:
        return found
    middle = (inside.min(axis=0) + inside.max(axis=0) - side) / 2
    left, top = np.clip(middle, 0, free).tolist()
    return found._replace(left=left, top=top)


def _sides(full: np.ndarray) -> np.ndarray:
    """Width and height of the rectangle in an image of this width and height, all in mm."""
    area = min(AREA_MM2, float(full.prod()))
    width = min((area * ASPECT) ** 0.5, full[0])
    height = min(area / width, full[1])
    return np.array([area / height, height])


def _best_row(heights: np.ndarray, side: float, free: float) -> tuple[float, int]:
    """The topmost place of an interval that holds the most of some points, and their number."""
    ordered = np.sort(heights)
    tops = np.minimum(ordered, free)
    counts = np.searchsorted(ordered, tops + side + 1e-6, "right")
    counts = counts - np.searchsorted(ordered, tops)
    best = int(counts.argmax())
    return float(tops[best]), int(counts[best])
