"""How the four numbers of a box are meant: MIDOG's two corners, or COCO's corner and size.

MIDOG.json is COCO's format except for `bbox`, which holds x1, y1, x2, y2. Tools that write COCO put
x, y, width, height there. All boxes of a file are of one format, and the boxes of cells are small
and of similar size, which distinguishes the two in all but contrived files.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

TWO_CORNERS = "x1, y1, x2, y2"
CORNER_AND_SIZE = "x, y, width, height"
CORNERS_REVERSED = "x2, y2, x1, y1"
MIDOG_SIDE = 50  # px: MIDOG's boxes are squares of this side round the centre of a cell
USUAL_EXTENT = 100  # px: boxes of cells are smaller; how much smaller proves nothing

_TO_CORNERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    TWO_CORNERS: lambda boxes: boxes,
    CORNER_AND_SIZE: lambda boxes: np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]),
    CORNERS_REVERSED: lambda boxes: np.hstack([boxes[:, 2:], boxes[:, :2]]),
}


class Boxes(NamedTuple):
    """The boxes of a file and what helps to understand them.

    numbers  (n, 4) float64, as in the file
    areas    (n,) float64 px², as stated beside the boxes; nan where it is not
    sizes    (n, 2) float64 px, width and height of the image of each box; nan where unknown
    """

    numbers: np.ndarray
    areas: np.ndarray
    sizes: np.ndarray


def to_corners(numbers: np.ndarray, box_format: str) -> np.ndarray:
    """(n, 4) x1, y1, x2, y2 of boxes in a format; a box with a negative side stays negative."""
    return _TO_CORNERS[box_format](numbers)


def box_format(boxes: Boxes) -> str:
    """The format in which the boxes of a file make sense.

    Evidence, the strongest first: stated areas, MIDOG's 50 px squares, equal sizes, centres inside
    the images, and the extent of the boxes. Formats that agree on all centres need no decision.

    Raises:
        ValueError: several formats make sense, and they disagree on where the cells are.
    """
    left = [name for name in _TO_CORNERS if _mostly(_sides(boxes, name).min(axis=1) >= 0)]
    for evidence in (_match_areas, _midog_squares, _equal_sizes, _inside, _small):
        left = evidence(boxes, left) or left
        if len(left) == 1:
            return left[0]
    if not left:
        raise ValueError("the boxes are neither x1, y1, x2, y2 nor x, y, width, height")
    if {TWO_CORNERS, CORNER_AND_SIZE} <= set(left) and not _same_centres(boxes):
        raise ValueError(
            "the boxes can be read as x1, y1, x2, y2 and as x, y, width, height: add the area of "
            "each box to its annotation"
        )
    return left[0]


def _match_areas(boxes: Boxes, formats: list[str]) -> list[str]:
    known = boxes.areas > 0
    if not known.any():
        return []
    stated = boxes.areas[known]
    return [
        name
        for name in formats
        if _mostly(np.abs(_sides(boxes, name)[known].prod(axis=1) - stated) <= 1 + 0.02 * stated)
    ]


def _midog_squares(boxes: Boxes, formats: list[str]) -> list[str]:
    return [n for n in formats if _all_near(_sides(boxes, n), np.full(2, MIDOG_SIDE))]


def _equal_sizes(boxes: Boxes, formats: list[str]) -> list[str]:
    """Formats in which all of several boxes have the same size, within 1 px."""
    if len(boxes.numbers) == 1:
        return []
    return [n for n in formats if _all_near(_sides(boxes, n), np.median(_sides(boxes, n), axis=0))]


def _all_near(sides: np.ndarray, typical: np.ndarray) -> bool:
    return bool(np.mean((np.abs(sides - typical) <= 1).all(axis=1)) >= 0.9)


def _inside(boxes: Boxes, formats: list[str]) -> list[str]:
    """Formats in which nearly the most centres lie in their image: a few boxes may be wrong."""
    counts = {}
    for name in formats:
        centres = _centres(boxes, name)
        # By more than rounding; False where the size is unknown.
        outside = (centres < -1) | (centres > boxes.sizes + 1)
        counts[name] = int((~outside.any(axis=1)).sum())
    return [name for name in formats if counts[name] >= 0.9 * max(counts.values())]


def _small(boxes: Boxes, formats: list[str]) -> list[str]:
    """Formats whose boxes have the usual extent, or less than twice that of any other format."""
    extents = {name: float(np.median(_sides(boxes, name).max(axis=1))) for name in formats}
    least = min(extents.values(), default=0.0)
    return [name for name in formats if extents[name] < max(USUAL_EXTENT, 2 * least)]


def _same_centres(boxes: Boxes) -> bool:
    distance = _centres(boxes, TWO_CORNERS) - _centres(boxes, CORNER_AND_SIZE)
    return bool((np.abs(distance) <= 1).all())


def _centres(boxes: Boxes, name: str) -> np.ndarray:
    corners = to_corners(boxes.numbers, name)
    centres: np.ndarray = (corners[:, :2] + corners[:, 2:]) / 2
    return centres


def _sides(boxes: Boxes, name: str) -> np.ndarray:
    """(n, 2) width and height."""
    corners = to_corners(boxes.numbers, name)
    sides: np.ndarray = corners[:, 2:] - corners[:, :2]
    return sides


def _mostly(true: np.ndarray) -> bool:
    return bool(true.mean() > 0.5)
