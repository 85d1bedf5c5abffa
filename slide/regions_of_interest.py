"""Regions of interest: polygons drawn in a viewer, as GeoJSON in pixels of the full image.

QuPath exports annotations so (File > Export objects as GeoJSON): a FeatureCollection, a Feature, or
a list of features. Coordinates count from the image's corner, half a pixel before its first centre.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

EXPORT = "export the annotations from QuPath as GeoJSON"
MOST_POINTS = 4096  # a side of the grid by which areas are measured
OF_CELLS = ("detection", "cell", "tile")  # QuPath's objects that are not drawn by a person


class RegionError(ValueError):
    """A file of regions that cannot be used. Its text: reason and remedy in one line, no name."""


@dataclass(frozen=True, eq=False)
class Polygon:
    """An area with holes: what an odd number of its rings surrounds.

    Attributes:
        rings: each (n, 2) float64 x, y in px from the image's corner; the last point is joined with
            the first.
    """

    rings: tuple[np.ndarray, ...]

    def edges(self) -> Iterator[tuple[float, float, float, float]]:
        """x and y of the upper, then of the lower end of each edge that is not horizontal."""
        for ring in self.rings:
            for a, b in zip(ring.tolist(), np.roll(ring, -1, axis=0).tolist(), strict=True):
                if a[1] != b[1]:
                    yield (*a, *b) if a[1] < b[1] else (*b, *a)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom."""
        points = np.concatenate(self.rings)
        return (*points.min(axis=0).tolist(), *points.max(axis=0).tolist())


@dataclass(frozen=True, eq=False)
class Regions:
    """What is to be looked at: everything that is in any of the polygons.

    Attributes:
        polygons: at least one.
        sha256: of the file they were read from.
    """

    polygons: tuple[Polygon, ...]
    sha256: str

    def contains(self, points: np.ndarray) -> np.ndarray:
        """(n,) bool: whether points are inside.

        points: (n, 2) x, y in px, from the centre of the first pixel as everywhere in the program.
        """
        points = np.asarray(points, np.float64).reshape(-1, 2) + 0.5
        order = np.argsort(points[:, 1], kind="stable")
        x, y = points[order].T
        inside = np.zeros(len(points), bool)
        for polygon in self.polygons:
            odd = np.zeros(len(points), bool)
            for x0, y0, x1, y1 in polygon.edges():
                first, last = np.searchsorted(y, (y0, y1))
                crossing = x0 + (y[first:last] - y0) * ((x1 - x0) / (y1 - y0))
                odd[first:last] ^= x[first:last] >= crossing
            inside[order] |= odd
        return inside

    def mask(self, size: tuple[int, int], scale: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
        """(height, width) bool: which cells of a grid have their centre inside.

        Args:
            size: columns and rows of the grid, which begins at the image's corner.
            scale: px of the image per cell, (x, y).
        """
        x, y = ((np.arange(count) + 0.5) * px for count, px in zip(size, scale, strict=True))
        return self.grid(x, y)

    def grid(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """(rows, columns) bool: which points of a grid are inside.

        x, y: (columns,) and (rows,) ascending px from the image's corner.
        """
        inside = np.zeros((len(y), len(x)), bool)
        for polygon in self.polygons:
            changes = np.zeros((len(y), len(x) + 1), bool)
            for x0, y0, x1, y1 in polygon.edges():
                first, last = np.searchsorted(y, (y0, y1))
                crossing = x0 + (y[first:last] - y0) * ((x1 - x0) / (y1 - y0))
                changes[np.arange(first, last), np.searchsorted(x, crossing)] ^= True
            inside |= np.logical_xor.accumulate(changes, axis=1)[:, :-1]
        return inside

    def seen_from(self, corner: np.ndarray) -> Regions:
        """The regions in px of a part of the image whose first pixel is at `corner` x, y."""
        moved = (Polygon(tuple(ring - corner for ring in p.rings)) for p in self.polygons)
        return Regions(tuple(moved), self.sha256)

    def area_px(self, size: tuple[int, int]) -> float:
        """Area of their part in an image of this width and height, by a grid over the image."""
        x, y = ((np.arange(count := min(side, MOST_POINTS)) + 0.5) * side / count for side in size)
        return float(self.grid(x, y).mean()) * size[0] * size[1]

    def check_inside(self, size: tuple[int, int]) -> None:
        """Raise RegionError where a polygon has nothing in an image of this width and height."""
        for number, polygon in enumerate(self.polygons, start=1):
            left, top, right, bottom = polygon.box
            if left >= size[0] or top >= size[1] or right <= 0 or bottom <= 0:
                raise RegionError(
                    f"polygon {number} (x {left:.0f} to {right:.0f}, y {top:.0f} to {bottom:.0f}) "
                    f"lies outside the image of {size[0]}x{size[1]} px: {EXPORT} of this image"
                )


def load_regions(path: Path) -> Regions:
    """The polygons of a GeoJSON file. Points, lines and QuPath's detections are left out.

    Raises:
        RegionError: the file cannot be read, is not GeoJSON, or holds no polygon.
    """
    try:
        content = path.read_bytes()
        document = json.loads(content)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise RegionError(
            f"cannot be read ({reason}): check the path and its permissions"
        ) from error
    except (ValueError, RecursionError) as error:
        raise RegionError(f"not GeoJSON: {EXPORT}") from error
    polygons = tuple(_polygon(rings) for rings in _polygons(document))
    if not polygons:
        raise RegionError(f"no polygon in it: draw regions and {EXPORT}")
    return Regions(polygons, hashlib.sha256(content).hexdigest())


def _polygons(part: Any) -> Iterator[Any]:
    """Coordinates of each polygon in a GeoJSON object or in a list of them."""
    if isinstance(part, list):
        for each in part:
            yield from _polygons(each)
        return
    kind = part.get("type") if isinstance(part, dict) else None
    match kind:
        case "FeatureCollection":
            yield from _polygons(_list(part, "features"))
        case "Feature":
            properties = part.get("properties") or {}
            if _is_drawn(properties) and part.get("geometry") is not None:
                yield from _polygons(part["geometry"])
        case "GeometryCollection":
            yield from _polygons(_list(part, "geometries"))
        case "Polygon":
            yield _list(part, "coordinates")
        case "MultiPolygon":
            yield from _list(part, "coordinates")
        case "Point" | "MultiPoint" | "LineString" | "MultiLineString":
            return
        case _:
            raise RegionError(f"not GeoJSON: {EXPORT}")


def _is_drawn(properties: Any) -> bool:
    return not (isinstance(properties, dict) and properties.get("objectType") in OF_CELLS)


def _list(part: dict[str, Any], name: str) -> list[Any]:
    value = part.get(name)
    if not isinstance(value, list):
        raise RegionError(f"not GeoJSON ({part['type']} without {name}): {EXPORT}")
    return value


def _polygon(rings: Any) -> Polygon:
    if not isinstance(rings, list) or not rings:
        raise RegionError(f"a polygon without coordinates: {EXPORT}")
    polygon = Polygon(tuple(_ring(ring) for ring in rings))
    left, top, right, bottom = polygon.box
    if right <= left or bottom <= top:
        raise RegionError("a polygon without area: draw it again")
    return polygon


def _ring(positions: Any) -> np.ndarray:
    """(n, 2) x, y. Positions may have a third coordinate, which does not count."""
    try:
        points = np.array([(x * 1.0, y * 1.0) for x, y, *_ in positions])
    except (TypeError, ValueError, OverflowError) as error:
        raise RegionError(f"a polygon with invalid coordinates: {EXPORT}") from error
    if len(points) < 3 or not np.isfinite(points).all():
        raise RegionError(f"a polygon with invalid coordinates: {EXPORT}")
    return points
