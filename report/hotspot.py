"""The part of an image with the most mitotic figures."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Mitotic figures are counted in the most active 2 mm², ten high power fields (WHO Classification of
# Tumours, 5th edition); a field of view on a screen is a rectangle of 4:3.
AREA_MM2 = 2.0
ASPECT = 4 / 3


class Hotspot(NamedTuple):
    """A rectangle in px of the image, its area, and the figures in it."""

    left: float
    top: float
    width: float
    height: float
    area_mm2: float
    figures: int


def hotspot(points: np.ndarray, size_px: tuple[int, int], mpp: tuple[float, float]) -> Hotspot:
    """The 4:3 rectangle of 2 mm² that holds the most points, or the whole of a smaller image.

    A rectangle can be moved right and down until its left and its top edge touch a point without
    losing one, so only those places are tried. Where the image is too narrow for 4:3, the rectangle
    is as wide (or high) as the image and longer.

    Args:
        points: (n, 2) x, y in px of the image.
        size_px: width and height of the image.
        mpp: µm per pixel, (x, y).
    """
    points = np.asarray(points, np.float64).reshape(-1, 2)
    full = np.array(size_px) * np.array(mpp) / 1000  # mm
    area = min(AREA_MM2, float(full.prod()))
    width = min((area * ASPECT) ** 0.5, full[0])
    height = min(area / width, full[1])
    width = area / height
    side = np.array([width, height]) * 1000 / np.array(mpp)  # px
    furthest = np.maximum(np.array(size_px) - side, 0)
    best = Hotspot(0.0, 0.0, float(side[0]), float(side[1]), area, 0)
    for left in np.unique(np.minimum(points[:, 0], furthest[0])):
        column = np.sort(points[(points[:, 0] >= left) & (points[:, 0] <= left + side[0]), 1])
        tops = np.minimum(column, furthest[1])
        counts = np.searchsorted(column, tops + side[1], "right") - np.searchsorted(column, tops)
        index = int(counts.argmax())
        if counts[index] > best.figures:
            best = best._replace(
                left=float(left), top=float(tops[index]), figures=int(counts[index])
            )
    return best
