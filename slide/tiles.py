"""A slide in tiles: which contain tissue, and the regions to read for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from slide.tissue import TissueMap

CORE = 2048  # px: a detection belongs to the tile whose core contains its centre
# px around the core. The largest candidate has 90 px: with its centre in the core it is whole here,
# and a larger one that is cut off still has more than 90, so the grid does not matter.
HALO = 96
_NEAR = np.ones((3, 3), bool)


@dataclass(frozen=True)
class Tile:
    """A tile: its core, and the region to read, whose corner is a corner of the tissue map's cells.

    Attributes:
        left, top, right, bottom: of the core in px, the last two exclusive.
        x, y: corner of the region in px.
        width, height: of the region in px.
    """

    left: int
    top: int
    right: int
    bottom: int
    x: int
    y: int
    width: int
    height: int

    @property
    def name(self) -> str:
        """Identifies the tile in the slide."""
        return f"{self.left}_{self.top}"

    def contains(self, points: np.ndarray) -> np.ndarray:
        """(n,) bool: which points (n, 2), in px, have their nearest pixel in the core."""
        nearest = np.floor(points + 0.5)
        low, high = (self.left, self.top), (self.right, self.bottom)
        return np.asarray(((nearest >= low) & (nearest < high)).all(axis=1))


def near_tissue(tissue: TissueMap) -> np.ndarray:
    """(rows, columns) bool: cells of tissue and those next to them."""
    return np.asarray(ndimage.binary_dilation(tissue.tissue, _NEAR))


def tissue_tiles(
    size: tuple[int, int], cell: int, near: np.ndarray, offset: tuple[int, int] = (0, 0)
) -> Iterator[Tile]:
    """The tiles with tissue, row by row.

    Args:
        size: (width, height) of the slide in px.
        cell: side of a cell in px.
        near: (rows, columns) bool: cells where candidates are looked for.
        offset: by which the grid is shifted to the left and upwards, in px.
    """
    for top in range(-(offset[1] % CORE), size[1], CORE):
        for left in range(-(offset[0] % CORE), size[0], CORE):
            core = (max(left, 0), max(top, 0), min(left + CORE, size[0]), min(top + CORE, size[1]))
            rows = slice(core[1] // cell, -(-core[3] // cell))
            columns = slice(core[0] // cell, -(-core[2] // cell))
            if near[rows, columns].any():
                yield _with_region(core, size, cell)


def _with_region(core: tuple[int, int, int, int], size: tuple[int, int], cell: int) -> Tile:
    """The tile of a core: its halo, from the corner of a cell on, and no further than the slide."""
    x, y = (max(start - HALO, 0) // cell * cell for start in core[:2])
    right, bottom = (min(end + HALO, side) for end, side in zip(core[2:], size, strict=True))
    return Tile(*core, x, y, right - x, bottom - y)
