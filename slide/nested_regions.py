"""Regions of interest that lie inside others: perhaps holes that were exported as polygons.

This is how OpenCV's RETR_LIST, and tools that trace a mask region by region, write holes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slide.polygon import Polygon, corners_and_middles

MOST_SHOWN = 3  # nested regions that are named in a sentence each


def nested_warnings(polygons: Sequence[Polygon]) -> list[str]:
    """A sentence for each polygon that lies inside another one, or one sentence for many."""
    found = nested(polygons)
    shown = [
        (f"region {inner + 1} ({polygons[inner].extent})", f"inside region {outer + 1}")
        for inner, outer in sorted(found.items())[:MOST_SHOWN]
    ]
    if len(found) > MOST_SHOWN:
        return [
            f"{len(found)} regions lie inside others, such as {' '.join(shown[0])}: if they are to "
            "be left out, draw them as holes"
        ]
    return [
        f"{region} lies {place}: if it is to be left out, draw it as a hole"
        for region, place in shown
    ]


def nested(polygons: Sequence[Polygon]) -> dict[int, int]:
    """Index of each polygon that lies inside another one, and of the first such other.

    Those that share an outermost side, or lie in a hole, are not inside.
    """
    boxes = np.array([polygon.box for polygon in polygons])
    order = np.argsort(boxes[:, 0], kind="stable")
    lefts = boxes[order, 0]
    found: dict[int, int] = {}
    for outer, (left, top, right, bottom) in enumerate(boxes):
        start, stop = np.searchsorted(lefts, left, "right"), np.searchsorted(lefts, right)
        near = order[start:stop]
        _, upper, end, lower = boxes[near].T
        candidates = near[(upper > top) & (end < right) & (lower < bottom)]
        new = [index for index in candidates.tolist() if index not in found]
        if new:
            inside = _inside(polygons[outer], [polygons[index].rings[0] for index in new])
            found |= {index: outer for index, is_in in zip(new, inside, strict=True) if is_in}
    return found


def _inside(polygon: Polygon, rings: Sequence[np.ndarray]) -> list[bool]:
    """Whether all corners of each ring, and the middles between them, are inside a polygon."""
    parts = [corners_and_middles(ring) for ring in rings]
    inside = polygon.contains_points(np.concatenate(parts))
    ends = np.cumsum([len(part) for part in parts])[:-1]
    return [bool(part.all()) for part in np.split(inside, ends)]
