"""Candidates of a whole slide: one threshold for all of its tissue, then tile by tile."""

from __future__ import annotations

import numpy as np

from model.candidates import (
    CandidateSettings,
    Moments,
    Thresholds,
    blue_ratio_moments,
    exact_centres,
)
from slide.image import ImageError
from slide.pixel_mask import PixelMask
from slide.tiles import Tile
from slide.tissue import TissueMap
from slide.training_view import TrainingView

# The blue ratio's mean and deviation are those of so many squares of so many cells: 17 million px.
MAX_SQUARES, SQUARE_CELLS = 256, 8
TEXTURE_SQUARES = 8
ROUNDED = 1 << 20  # of a pixel


def slide_thresholds(
    view: TrainingView, tissue: TissueMap, settings: CandidateSettings, threads: int
) -> Thresholds:
    """Thresholds of the blue ratio from squares spread over the tissue.

    The squares lie where the tissue is, whatever the grid of tiles.
    """
    whole = settings.over == "image"
    counted = np.ones_like(tissue.tissue) if whole else tissue.tissue
    moments = Moments()
    for x, y in spread_squares(counted, view.cell):
        pixels, mask = read_square(view, x, y, tissue)
        moments += blue_ratio_moments(pixels, None if whole else mask, settings, threads)
    return moments.thresholds(settings)


def spread_squares(
    counted: np.ndarray, cell: int, most: int = MAX_SQUARES
) -> list[tuple[int, int]]:
    """Corners (x, y) in px of at most so many squares, at even distances along the tissue.

    counted: (rows, columns) bool, the cells that count; squares without any are left out.
    """
    rows, columns = (-(-side // SQUARE_CELLS) for side in counted.shape)
    padded = np.zeros((rows * SQUARE_CELLS, columns * SQUARE_CELLS), bool)
    padded[: counted.shape[0], : counted.shape[1]] = counted
    cells = padded.reshape(rows, SQUARE_CELLS, columns, SQUARE_CELLS).sum(axis=(1, 3))
    places = np.argwhere(cells > 0)
    if len(places) > most:  # the same amount of tissue between one and the next
        before = np.cumsum(cells[cells > 0])
        steps = (np.arange(most) + 0.5) * before[-1] / most
        places = places[np.unique(np.searchsorted(before, steps))]
    side = SQUARE_CELLS * cell
    return [(int(column) * side, int(row) * side) for row, column in places]


def read_square(
    view: TrainingView, x: int, y: int, tissue: TissueMap
) -> tuple[np.ndarray, PixelMask]:
    """Pixels (height, width, 3) of a square, as far as the slide goes, and its mask."""
    side = SQUARE_CELLS * view.cell
    width, height = min(side, view.size[0] - x), min(side, view.size[1] - y)
    pixels = view.read(x, y, width, height)
    return pixels, view.mask(pixels, x, y, tissue)


def typical_squares(view: TrainingView, tissue: TissueMap) -> list[np.ndarray]:
    """Squares of 128 µm that are full of tissue, spread over it, or else those with most.

    Of smaller slides, squares as wide as their shorter side.
    """
    side = min(2 * SQUARE_CELLS, *(max(length // view.cell, 1) for length in view.size))
    rows, columns = (length // side for length in tissue.kinds.shape)
    blocks = tissue.tissue[: rows * side, : columns * side].reshape(rows, side, columns, side)
    share = blocks.mean(axis=(1, 3))
    if not share.any():
        return []
    places = np.argwhere(share >= 0.9 * share.max())
    places = places[np.unique(np.linspace(0, len(places) - 1, TEXTURE_SQUARES).astype(int))]
    px = side * view.cell
    return [view.read(int(column) * px, int(row) * px, px, px) for row, column in places]


def candidates_of_tile(
    view: TrainingView,
    tile: Tile,
    tissue: TissueMap,
    near: np.ndarray,
    settings: CandidateSettings,
    thresholds: Thresholds,
    threads: int,
) -> np.ndarray:
    """(n, 2) float64 x, y in px of the view: centres in the core of a tile, in or near tissue."""
    pixels = read_tile(view, tile)
    mask = view.mask(pixels, tile.x, tile.y, tissue)
    found = exact_centres(pixels, settings, threads, mask=mask, thresholds=thresholds)
    # Rounded, because the sum's last digits depend on the grid of tiles.
    centres = np.round((found + np.array([tile.x, tile.y])) * ROUNDED) / ROUNDED
    centres = centres[tile.contains(centres)]
    column, row = np.floor(centres + 0.5).astype(np.int64).T // view.cell
    return np.asarray(centres[near[row, column]])


def read_tile(view: TrainingView, tile: Tile) -> np.ndarray:
    """(height, width, 3) uint8 RGB of the region of a tile.

    Raises:
        ImageError: it cannot be decoded; the message has its place.
    """
    try:
        return view.read(tile.x, tile.y, tile.width, tile.height)
    except ImageError as error:
        raise ImageError(f"{error} (near x {tile.left}, y {tile.top})") from error
