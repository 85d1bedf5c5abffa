"""A tissue map as pixels: which are tissue, and which are excluded.

Cells are too coarse along borders, and for narrow strips of glass. So of the tissue's cells and
those next to them the pixels as pale as glass do not count, and along black areas each pixel is
compared with the black next to it. A small piece of tissue then counts the same with glass around
it as without, wherever the cells happen to be cut.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from slide.tissue import Kind, TissueMap

MIN_PALE, MAX_PALE_CHROMA = 165, 25  # smallest channel, and largest minus smallest, of a pixel
GLASS_NOISE = 16  # grey levels by which pixels of grey glass are darker than the glass
MAX_BLACK = 30  # largest channel; black counts neither, whatever its area
BLACK_TOLERANCE = 40  # grey levels over the black next to it; compression leaves as much
_NEAR = np.ones((3, 3), bool)


class PixelMask:
    """Which pixels of an image are tissue, and which are excluded, stripe by stripe."""

    def __init__(self, pixels: np.ndarray, tissue_map: TissueMap) -> None:
        """Compare the pixels along the map's black areas.

        Args:
            pixels: (height, width, 3) uint8 RGB, of which the map was made.
            tissue_map: its cells.
        """
        self.map = tissue_map
        self._pixels = pixels
        near_tissue = ndimage.binary_dilation(tissue_map.tissue, _NEAR)
        self._min_pale = _min_pale(tissue_map)
        self._glass = (tissue_map.kinds == Kind.GLASS) & ~near_tissue
        self._rows, self._columns = np.nonzero(_along_black(tissue_map.kinds))
        self._black = _black_pixels(pixels, tissue_map, self._rows, self._columns)

    @property
    def excludes(self) -> bool:
        """Whether any pixel is excluded."""
        return bool(self.map.excluded.any())

    def excluded(self, rows: slice) -> np.ndarray:
        """(rows, width) bool: pixels of black or pen in these rows of the image."""
        excluded = self._as_pixels(self.map.excluded, rows)
        for number, row in enumerate(range(rows.start, rows.stop, rows.step or 1)):
            cell, line = divmod(row, self.map.cell)
            here = slice(*np.searchsorted(self._rows, (cell, cell + 1)))
            tiles = excluded[number].reshape(-1, self.map.cell)
            tiles[self._columns[here]] = self._black[here, line]
        return excluded[:, : self.map.size[1]]

    def tissue(self, rows: slice) -> np.ndarray:
        """(rows, width) bool: pixels of tissue in these rows of the image."""
        inside = ~_pale_or_black(self._pixels[rows], self._min_pale)
        cells = slice(rows.start // self.map.cell, -(-rows.stop // self.map.cell))
        if self._glass[cells].any():
            inside &= ~self._as_pixels(self._glass, rows)[:, : self.map.size[1]]
        if self.map.excluded[cells].any():
            inside &= ~self.excluded(rows)
        return inside

    def typical(self, rows: slice) -> np.ndarray:
        """(rows, width) bool: pixels of tissue in these rows that are not in dense areas."""
        inside = self.tissue(rows)
        dense = self.map.kinds == Kind.DENSE
        if dense[rows.start // self.map.cell : -(-rows.stop // self.map.cell)].any():
            inside &= ~self._as_pixels(dense, rows)[:, : self.map.size[1]]
        return inside

    def _as_pixels(self, cells: np.ndarray, rows: slice) -> np.ndarray:
        """Cells as pixels in these rows, up to the right border of the last cell."""
        places = np.arange(rows.start, rows.stop, rows.step or 1) // self.map.cell
        return np.repeat(cells[places], self.map.cell, axis=1)


def _min_pale(tissue_map: TissueMap) -> int:
    """Smallest channel of pixels as pale as this image's glass, which may be grey."""
    glass = tissue_map.colours[tissue_map.kinds == Kind.GLASS]
    if not len(glass):
        return MIN_PALE
    return min(MIN_PALE, int(np.median(glass.min(axis=-1))) - GLASS_NOISE)


def _pale_or_black(pixels: np.ndarray, min_pale: int) -> np.ndarray:
    """(height, width) bool: pixels of RGB that look like glass, or like nothing."""
    red, green, blue = np.moveaxis(pixels, -1, 0)
    brightest = np.maximum(np.maximum(red, green), blue)
    darkest = np.minimum(np.minimum(red, green), blue)
    pale = (darkest >= min_pale) & (brightest - darkest <= MAX_PALE_CHROMA)
    return np.asarray(pale | (brightest <= MAX_BLACK))


def _along_black(kinds: np.ndarray) -> np.ndarray:
    """Cells on both sides of the border of black areas, except pen marks and the black beside."""
    black = kinds == Kind.BLACK
    if not black.any():
        return np.asarray(black)
    near = ndimage.binary_dilation(black, _NEAR) & ndimage.binary_dilation(~black, _NEAR)
    beside_pen = black & ndimage.binary_dilation(kinds == Kind.PEN, _NEAR)
    return np.asarray(near & (kinds != Kind.PEN) & ~beside_pen)


def _black_pixels(
    pixels: np.ndarray, tissue_map: TissueMap, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Which pixels (n, cell, cell) of cells are black: little brighter than the darkest cell near.

    A cell that is partly tissue can count as black, so the darkest one decides.
    """
    black = tissue_map.kinds == Kind.BLACK
    colours = np.where(black[..., None], tissue_map.colours, 255)
    darkest = ndimage.minimum_filter(colours, (3, 3, 1))[rows, columns].astype(np.int16)
    tiles = _tiles(pixels, rows, columns, tissue_map.cell)
    return np.asarray((tiles <= darkest[:, None, None] + BLACK_TOLERANCE).all(axis=-1))


def _tiles(pixels: np.ndarray, rows: np.ndarray, columns: np.ndarray, side: int) -> np.ndarray:
    """Pixels (n, side, side, 3) of cells; the last pixel is repeated where the image ends."""
    y = np.minimum(rows[:, None] * side + np.arange(side), pixels.shape[0] - 1)
    x = np.minimum(columns[:, None] * side + np.arange(side), pixels.shape[1] - 1)
    return np.asarray(pixels[y[:, :, None], x[:, None, :]])
