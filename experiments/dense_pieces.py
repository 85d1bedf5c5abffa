"""Small images around clusters of mitotic figures, cut from annotated fields as they are read.

A hot spot that is cut out tightly has few candidates, many of them mitotic figures: this is where
statistics of an image without labels mislead most.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from evaluation.annotated_image import AnnotatedImage
from experiments.cases import Case, Field

SIDE = 814  # px; 0.04 mm² at 0.2456 µm per pixel
FEWEST = 2  # figures in a piece


class DensePiece(NamedTuple):
    """A square of a field.

    Attributes:
        case: the field.
        corner: px (x, y) of its upper left corner in the field.
    """

    case: Case
    corner: tuple[int, int]

    @property
    def scanner(self) -> str:
        """Name of the virtual scanner of the field."""
        return self.case.scanner

    @property
    def image(self) -> str:
        """Name of the field and the corner."""
        return f"{self.case.image}+{self.corner[0]}+{self.corner[1]}"

    @property
    def annotated(self) -> AnnotatedImage:
        """The field's annotations inside the piece, in its pixels."""
        whole = self.case.annotated
        return whole._replace(
            file_name=f"{self.image}.tif",
            figures=self._inside(whole.figures),
            hard_negatives=self._inside(whole.hard_negatives),
            masked=self._inside(whole.masked),
            size=(min(SIDE, whole.size[0]), min(SIDE, whole.size[1])),
        )

    def read(self) -> Field:
        """The pixels of the piece."""
        field, (x, y) = self.case.read(), self.corner
        pixels = np.ascontiguousarray(field.pixels[y : y + SIDE, x : x + SIDE])
        return Field(pixels, field.mpp, self._inside(field.masked))

    def _inside(self, points: np.ndarray) -> np.ndarray:
        """Those of the points (n, 2) of the field that are in the piece, in its pixels."""
        moved = points - np.array(self.corner)
        inside: np.ndarray = moved[((moved >= 0) & (moved < SIDE)).all(axis=1)]
        return inside


def dense_pieces(cases: Sequence[Case]) -> list[DensePiece]:
    """The pieces of all fields, in their order."""
    return [
        DensePiece(case, corner)
        for case in cases
        for corner in corners(case.annotated.figures, case.annotated.size)
    ]


def corners(figures: np.ndarray, size: tuple[int, int]) -> list[tuple[int, int]]:
    """Squares of SIDE px that do not overlap, the one with the most figures first.

    Each is centred on the mean of the figures around one of them. The search ends where no square
    holds FEWEST figures.

    Args:
        figures: (n, 2) x, y in px.
        size: px (width, height) of the field.
    """
    chosen: list[tuple[int, int]] = []
    free = np.ones(len(figures), bool)
    while True:
        squares = [
            corner
            for figure in figures[free]
            if not _overlaps(corner := _around(figure, figures[free], size), chosen)
        ]
        counts = [int(_within(figures, corner).sum()) for corner in squares]
        if max(counts, default=0) < FEWEST:
            return chosen
        chosen.append(squares[int(np.argmax(counts))])
        free &= ~_within(figures, chosen[-1])


def _around(figure: np.ndarray, others: np.ndarray, size: tuple[int, int]) -> tuple[int, int]:
    """The corner of the square around the figures within half a side of one, inside the field."""
    near = np.abs(others - figure).max(axis=1) < SIDE / 2
    corner = np.rint(others[near].mean(axis=0)) - SIDE // 2
    x, y = np.clip(corner, 0, np.maximum(np.array(size) - SIDE, 0))
    return int(x), int(y)


def _within(points: np.ndarray, corner: tuple[int, int]) -> np.ndarray:
    low = np.array(corner)
    inside: np.ndarray = np.all((points >= low) & (points < low + SIDE), axis=1)
    return inside


def _overlaps(corner: tuple[int, int], chosen: Sequence[tuple[int, int]]) -> bool:
    return any(max(abs(corner[0] - x), abs(corner[1] - y)) < SIDE for x, y in chosen)
