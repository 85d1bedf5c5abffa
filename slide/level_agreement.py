"""Whether the full resolution of a slide shows the same as the level that its tissue map is of.

A damaged reduced level, or tiles in a wrong order, would leave tissue out without a word.
"""

from __future__ import annotations

import numpy as np
import PIL.Image

from slide.image import ImageError
from slide.tissue import TissueMap
from slide.training_view import MAP_UM, TrainingView

SIDE = 8  # cells of a square that is compared
MOST = 128  # squares with tissue, and as many without
# In 28 real fields, their reduced levels made by means or by single pixels, shifted by one or not,
# lossless and as JPEG of quality 30, squares differ by up to 21 grey levels, and the cells of 32 or
# more have a median correlation of 0.21 and more; in tiles in random order of 0.05 and less.
MAX_DIFFERENCE = 25.0
MIN_MEDIAN, MIN_SQUARES = 0.1, 32
_MIN_CONTRAST = 6.0  # grey levels, deviation in a square: noise correlates with nothing


def level_warning(view: TrainingView, tissue: TissueMap) -> tuple[str, ...]:
    """A warning if squares of the view and of the tissue map show something else.

    Squares that cannot be decoded are not compared. A scanner's file cannot be read any more after
    such a square: this is the last that is read of a slide.

    Args:
        view: of an open slide.
        tissue: map of the whole slide, by view.tissue.
    """
    if view.slide.level_for(MAP_UM) == view.level:
        return ()
    pairs = []
    whole = view.size[1] // view.cell, view.size[0] // view.cell  # cells that are not cut
    for row, column in _places(tissue.tissue[: whole[0], : whole[1]]):
        part = tissue.colours[row : row + SIDE, column : column + SIDE]
        try:
            pairs.append((_cells(view, row, column), part.reshape(-1, 3)))
        except ImageError:
            break
    if not pairs:
        return ()
    fine, coarse = (np.array(squares, np.float32) for squares in zip(*pairs, strict=True))
    count = int(np.count_nonzero(differing(fine, coarse)))
    if not count:
        return ()
    return (
        f"{count} of {len(pairs)} compared places differ between the full resolution and a reduced "
        "level: tiles may be in a wrong order or damaged, and tissue left out",
    )


def differing(fine: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    """(n,) bool: which squares show something else; all with structure, if few correlate.

    fine, coarse: (n, cells, 3) float32, mean colours, 0 to 255, at both resolutions.
    """
    apart = np.abs(fine.mean(axis=1) - coarse.mean(axis=1)).max(axis=-1) > MAX_DIFFERENCE
    one, other = (_centred(colours.mean(axis=-1)) for colours in (fine, coarse))
    product = one.std(axis=1) * other.std(axis=1)
    structured = np.minimum(one.std(axis=1), other.std(axis=1)) >= _MIN_CONTRAST
    correlation = (one * other).mean(axis=1)[structured] / product[structured]
    if len(correlation) >= MIN_SQUARES and np.median(correlation) < MIN_MEDIAN:
        return np.asarray(apart | structured)
    return np.asarray(apart)


def _centred(grey: np.ndarray) -> np.ndarray:
    return np.asarray(grey - grey.mean(axis=1, keepdims=True))


def _places(tissue: np.ndarray) -> list[tuple[int, int]]:
    """Row and column of whole squares, of tissue and of none, spread at random."""
    rows, columns = (length // SIDE for length in tissue.shape)
    blocks = tissue[: rows * SIDE, : columns * SIDE].reshape(rows, SIDE, columns, SIDE)
    share = blocks.mean(axis=(1, 3))
    chosen = []
    for kind in (share >= 0.5, share == 0):
        places = np.argwhere(kind) * SIDE
        some = np.random.default_rng(0).permutation(len(places))[:MOST]
        chosen += [(int(row), int(column)) for row, column in places[np.sort(some)]]
    return chosen


def _cells(view: TrainingView, row: int, column: int) -> np.ndarray:
    """(SIDE * SIDE, 3) uint8 mean colours of a square's cells, of the view's pixels."""
    side = SIDE * view.cell
    pixels = view.read(column * view.cell, row * view.cell, side, side)
    small = PIL.Image.fromarray(pixels).resize((SIDE, SIDE), PIL.Image.Resampling.BOX)
    return np.asarray(small).reshape(-1, 3)
