"""Regions of interest: polygons drawn in a viewer, as GeoJSON in pixels of the full image.

QuPath exports annotations so (File > Export objects as GeoJSON): a FeatureCollection, a Feature, or
a list of features. Coordinates count from the image's corner, half a pixel before its first centre.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from slide.crossings import crosses_itself
from slide.nested_regions import nested_warnings
from slide.polygon import Polygon, corners_and_middles
from slide.region_classes import class_of, classes_note, is_drawn, is_left_out
from slide.rings import within

EXPORT = "export the annotations from QuPath as GeoJSON"
# µm, side of a square that no region is smaller than: cells and the boxes drawn round them have
# sides of 5 to 35 µm, tissue cores and high-power fields of 400 µm and more.
SMALL_SIDE = 50.0
MOST_POINTS = 4096  # a side of the grid by which areas are measured
Point = tuple[float, float]


class RegionError(ValueError):
    """A file of regions that cannot be used. Its text: reason and remedy in one line, no name."""


@dataclass(frozen=True, eq=False)
class Regions:
    """What is to be looked at: everything that is in any of the polygons.

    Attributes:
        polygons: at least one.
        sha256: of the file they were read from.
        classes: names of QuPath's classes of the polygons, sorted, "no class" among them.
        has_crs: whether the file states a coordinate system, as programs for maps do.
    """

    polygons: tuple[Polygon, ...]
    sha256: str
    classes: tuple[str, ...] = ()
    has_crs: bool = False

    @classmethod
    def from_rings(cls, rings: Sequence[Sequence[Sequence[Point]]], sha256: str = "") -> Regions:
        """The inverse of `rings`."""
        return cls(tuple(Polygon(tuple(map(np.array, each))) for each in rings), sha256)

    def rings(self) -> list[list[list[Point]]]:
        """x, y in px from the image's corner, of the points of the rings of each polygon."""
        return [
            [[(x, y) for x, y in ring.tolist()] for ring in polygon.rings]
            for polygon in self.polygons
        ]

    def contains(self, points: np.ndarray) -> np.ndarray:
        """(n,) bool: whether points are inside.

        points: (n, 2) x, y in px, from the centre of the first pixel as everywhere in the program.
        """
        points = np.asarray(points, np.float64).reshape(-1, 2) + 0.5
        order = np.argsort(points[:, 1], kind="stable")
        x, y = points[order].T
        inside = np.zeros(len(points), bool)
        for polygon in self.polygons:
            inside[order] |= polygon.contains(x, y)
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
            rows, columns = within(polygon.rings[0], x, y)
            inside[rows, columns] |= polygon.grid(x[columns], y[rows])
        return inside

    def seen_from(self, corner: np.ndarray) -> Regions:
        """The regions in px of a part of the image whose first pixel is at `corner` x, y."""
        moved = (Polygon(tuple(ring - corner for ring in p.rings)) for p in self.polygons)
        return replace(self, polygons=tuple(moved))

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
                    f"polygon {number} ({polygon.extent}) "
                    f"lies outside the image of {size[0]}x{size[1]} px: {EXPORT} of this image"
                )

    def warnings(self, size: tuple[int, int]) -> list[str]:
        """What may be wrong with them in an image of this width and height, a sentence each."""
        found = []
        for number, polygon in enumerate(self.polygons, start=1):
            if not polygon.fits(size):
                exchanged = polygon.fits((size[1], size[0]))
                found.append(
                    f"region {number} ({polygon.extent}) leaves the image of {size[0]}x{size[1]} "
                    f"px: cut off at its border{'; are x and y exchanged?' if exchanged else ''}"
                )
            outline, *holes = polygon.rings
            if crosses_itself(outline):
                found.append(
                    f"region {number} ({polygon.extent}) crosses itself: what it surrounds twice "
                    "is not analysed"
                )
            found += [
                f"a hole ({Polygon((hole,)).extent}) of region {number} crosses itself: what it "
                "surrounds twice is analysed"
                for hole in holes
                if crosses_itself(hole)
            ]
        found += nested_warnings(self.polygons)
        if note := classes_note(self.classes):
            found.append(note)
        if self.has_crs:
            found.append(
                "the file of regions states a coordinate system (crs): its coordinates are taken "
                "for px of the full image"
            )
        return found

    def cells_warning(self, mpp: tuple[float, float]) -> list[str]:
        """A sentence where they look like marks of single cells: most of the area is in small ones.

        mpp: µm per pixel, (x, y). Small parts beside large ones are usual, as QuPath's classifiers
        make them.
        """
        areas = np.array([polygon.outline_area for polygon in self.polygons]) * mpp[0] * mpp[1]
        small = areas < SMALL_SIDE**2
        if 2 * areas[small].sum() <= areas.sum():
            return []
        return [
            f"{small.sum()} of {len(areas)} regions are smaller than {SMALL_SIDE:.0f} x "
            f"{SMALL_SIDE:.0f} µm: are they marks of single cells, or not in px of the full image?"
        ]


def load_regions(path: Path) -> Regions:
    """The polygons of a GeoJSON file. Points, lines and QuPath's detections are left out.

    Raises:
        RegionError: the file cannot be read, is not GeoJSON, or holds no polygon; or one is smaller
            than a pixel, has a hole outside of it, or a class for areas to leave out.
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
    found = list(_polygons(document))
    polygons = tuple(_polygon(rings, name) for rings, name in found)
    if not polygons:
        raise RegionError(f"no polygon in it: draw regions and {EXPORT}")
    classes = tuple(sorted({name or "no class" for _, name in found}))
    has_crs = isinstance(document, dict) and document.get("crs") is not None
    return Regions(polygons, hashlib.sha256(content).hexdigest(), classes, has_crs)


def _polygons(part: Any, name: str = "") -> Iterator[tuple[Any, str]]:
    """Coordinates and class of each polygon in a GeoJSON object or in a list of them."""
    if isinstance(part, list):
        for each in part:
            yield from _polygons(each, name)
        return
    kind = part.get("type") if isinstance(part, dict) else None
    match kind:
        case "FeatureCollection":
            yield from _polygons(_list(part, "features"))
        case "Feature":
            if is_drawn(part) and part.get("geometry") is not None:
                yield from _polygons(part["geometry"], class_of(part))
        case "GeometryCollection":
            yield from _polygons(_list(part, "geometries"), name)
        case "Polygon":
            yield _list(part, "coordinates"), name
        case "MultiPolygon":
            yield from ((rings, name) for rings in _list(part, "coordinates"))
        case "Point" | "MultiPoint" | "LineString" | "MultiLineString":
            return
        case _:
            raise RegionError(f"not GeoJSON: {EXPORT}")


def _list(part: dict[str, Any], name: str) -> list[Any]:
    value = part.get(name)
    if not isinstance(value, list):
        raise RegionError(f"not GeoJSON ({part['type']} without {name}): {EXPORT}")
    return value


def _polygon(rings: Any, name: str) -> Polygon:
    if is_left_out(name):
        raise RegionError(f"a polygon of the class {name}: draw a hole there, or delete it")
    if not isinstance(rings, list) or not rings:
        raise RegionError(f"a polygon without coordinates: {EXPORT}")
    polygon = Polygon(tuple(_ring(ring) for ring in rings))
    left, top, right, bottom = polygon.box
    if right <= left or bottom <= top or len(np.unique(polygon.rings[0], axis=0)) < 3:
        raise RegionError("a polygon without area: draw it again")
    if right - left < 1 or bottom - top < 1:
        raise RegionError("a polygon smaller than a pixel: coordinates are px of the full image")
    _check_holes(polygon)
    return polygon


def _check_holes(polygon: Polygon) -> None:
    """Raise RegionError where a hole is outside: it would leave nothing out."""
    outer = Polygon(polygon.rings[:1])
    for hole in polygon.rings[1:]:
        if not outer.contains_points(corners_and_middles(hole)).any():  # corners may lie on it
            raise RegionError(
                f"a hole ({Polygon((hole,)).extent}) outside its polygon ({outer.extent}): "
                "draw it inside, or as a region of its own"
            )


def _ring(positions: Any) -> np.ndarray:
    """(n, 2) x, y. Positions may have a third coordinate, which does not count."""
    try:
        points = np.array([(x * 1.0, y * 1.0) for x, y, *_ in positions])
    except (TypeError, ValueError, OverflowError) as error:
        raise RegionError(f"a polygon with invalid coordinates: {EXPORT}") from error
    if len(points) < 3 or not np.isfinite(points).all():
        raise RegionError(f"a polygon with invalid coordinates: {EXPORT}")
    return points
