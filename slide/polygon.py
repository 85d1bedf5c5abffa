"""A polygon with holes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slide.rings import grid_inside, points_inside, within

BEYOND = 2.0  # px by which a polygon may leave the image and still fit


@dataclass(frozen=True, eq=False)
class Polygon:
    """An area with holes: what its outline surrounds, and no hole.

    Attributes:
        rings: the outline, then the holes, each (n, 2) float64 x, y in px from the image's corner;
            the last point is joined with the first.
    """

    rings: tuple[np.ndarray, ...]

    def contains(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """(n,) bool: whether points are inside; x and ascending y (n,) as in `rings`."""
        outline, *holes = self.rings
        inside = points_inside(outline, x, y)
        for hole in holes:
            inside &= ~points_inside(hole, x, y)
        return inside

    def contains_points(self, points: np.ndarray) -> np.ndarray:
        """(n,) bool: the same for points (n, 2) x, y in any order."""
        order = np.argsort(points[:, 1], kind="stable")
        inside = np.zeros(len(points), bool)
        inside[order] = self.contains(*points[order].T)
        return inside

    def grid(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """(rows, columns) bool: which points of a grid are inside: see `Regions.grid`."""
        outline, *holes = self.rings
        inside = grid_inside(outline, x, y)
        for hole in holes:
            rows, columns = within(hole, x, y)
            inside[rows, columns] &= ~grid_inside(hole, x[columns], y[rows])
        return inside

    @property
    def outline_area(self) -> float:
        """px² that the outline surrounds, holes included, by the trapezoids beside its sides."""
        x, y = (self.rings[0] - self.rings[0][0]).T
        return abs(float(np.sum((x + np.roll(x, -1)) * (np.roll(y, -1) - y)))) / 2

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom."""
        points = np.concatenate(self.rings)
        return (*points.min(axis=0).tolist(), *points.max(axis=0).tolist())

    @property
    def extent(self) -> str:
        """The box in words."""
        left, top, right, bottom = self.box
        return f"x {left:.0f} to {right:.0f}, y {top:.0f} to {bottom:.0f}"

    def fits(self, size: tuple[int, int]) -> bool:
        """Whether all of it is in an image of this width and height, or nearly."""
        left, top, right, bottom = self.box
        return min(left, top) >= -BEYOND and max(right - size[0], bottom - size[1]) <= BEYOND


def corners_and_middles(ring: np.ndarray) -> np.ndarray:
    """(2n, 2) corners (n, 2) of a ring, then the middles of its sides."""
    return np.concatenate([ring, (ring + np.roll(ring, -1, axis=0)) / 2])
