"""The part of an image that holds its tissue, without margins of glass, black and pen marks.

What is found there then does not depend on the margins: patches at the border of a piece of tissue
are mirrored there, however far the image goes on, and the same pixels are compared.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from slide.pixel_mask import PixelMask
from slide.regions_of_interest import Regions
from slide.tissue import Kind, TissueMap, find_tissue

_BAND = 4  # rows of cells that are looked at together
_RUN = 3  # px of tissue side by side: noise of glass looks like tissue in single pixels


class Box(NamedTuple):
    """Rows from top to before bottom and columns from left to before right, in px."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Of rows and columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def corner(self) -> np.ndarray:
        """(2,) x, y of the first pixel."""
        return np.array([self.left, self.top])


class Margins(NamedTuple):
    """Where an image has margins.

    Attributes:
        box: the part without them, in px.
        whole: map of the image; None where nothing counts as a margin.
    """

    box: Box
    whole: TissueMap | None = None

    def cells_mm2(self, regions: Regions | None = None) -> dict[Kind, float]:
        """Area of each kind in the margins, in the regions of interest if any."""
        if self.whole is None:
            return {}
        found = self.whole if regions is None else self.whole.within(regions)
        top, bottom, left, right = (-(-edge // found.cell) for edge in self.box)
        kinds = found.kinds.copy()
        kinds[top:bottom, left:right] = Kind.OUTSIDE
        margins = replace(found, kinds=kinds)
        return {kind: margins.cells_mm2(kind) for kind in Kind if kind != Kind.OUTSIDE}


def find_margins(pixels: np.ndarray, mpp: float, threads: int = 2) -> Margins:
    """The smallest box with everything that is not glass, black or pen, exact to a pixel.

    Debris is inside: a cell on its own may be a candidate. Without anything, it is all of an image.

    Args:
        pixels: (height, width, 3) uint8 RGB.
        mpp: µm per pixel.
        threads: number of stripes worked on at once; the result does not depend on it.
    """
    found = find_tissue(pixels, mpp, threads, with_debris=True)
    rows, columns = _span(pixels, found), _span(pixels.swapaxes(0, 1), _transposed(found))
    if rows is None or columns is None:
        return Margins(Box(0, found.size[0], 0, found.size[1]))
    return Margins(Box(*rows, *columns), found)


def placed(
    tissue_map: TissueMap,
    margins: Margins,
    shape: tuple[int, ...],
    scale: tuple[float, float],
    regions: Regions | None = None,
) -> TissueMap:
    """The map of the part without margins in an image of (height, width, …) px.

    Args:
        tissue_map: of that part.
        margins: of the image.
        shape: of the image.
        scale: px of the image per px of the map's, (x, y).
        regions: of interest, in px of the image.
    """
    x, y = scale
    return replace(
        tissue_map,
        corner=(margins.box.top / y, margins.box.left / x),
        whole=(shape[0] / y, shape[1] / x),
        margin_mm2=margins.cells_mm2(regions),
    )


def _transposed(found: TissueMap) -> TissueMap:
    kinds, colours = found.kinds.T, found.colours.swapaxes(0, 1)
    return TissueMap(kinds, colours, found.cell, (found.size[1], found.size[0]), found.mpp)


def _span(pixels: np.ndarray, found: TissueMap) -> tuple[int, int] | None:
    """The first row with tissue, and the one after the last; None without any."""
    starts = range(0, len(found.kinds), _BAND)
    tissue = np.asarray(found.tissue.any(axis=1))
    near = [start for start in starts if tissue[max(start - 1, 0) : start + _BAND + 1].any()]
    bands = (_rows_with_tissue(pixels, found, start) for start in near)
    first = next((rows[0] for rows in bands if len(rows)), None)
    bands = (_rows_with_tissue(pixels, found, start) for start in reversed(near))
    last = next((rows[-1] for rows in bands if len(rows)), None)
    return None if first is None or last is None else (int(first), int(last) + 1)


def _rows_with_tissue(pixels: np.ndarray, found: TissueMap, start: int) -> np.ndarray:
    """(n,) rows of the image with a run of tissue, in _BAND rows of cells from `start` on."""
    cell, height = found.cell, found.size[0]
    around = slice(max(start - 1, 0), start + _BAND + 1)  # a mask looks at neighbouring cells
    origin, end = around.start * cell, min(around.stop * cell, height)
    part = TissueMap(
        found.kinds[around], found.colours[around], cell, (end - origin, found.size[1]), found.mpp
    )
    rows = slice(start * cell - origin, min((start + _BAND) * cell, height) - origin)
    inside = PixelMask(pixels[origin:end], part).tissue(rows)
    count = max(found.size[1] - _RUN + 1, 0)
    runs = np.logical_and.reduce([inside[:, i : i + count] for i in range(_RUN)])
    return np.asarray(start * cell + np.flatnonzero(runs.any(axis=1)))
