"""Where an image shows tissue: glass, black borders and pen marks are found at 4 µm per pixel.

A cell of the map is about 4 µm wide. The rules look at its mean colour and at how much that differs
among 3x3 cells (12 µm). `python -m experiments.image_limits DATA` prints what the real fields have.
In order:

- black: neutral and dark over 3x3 cells, or along the image's border. Scanners fill with black.
- pen: green, blue, yellow or pure red over 2x2 cells, colours that haematoxylin and eosin lack.
- glass: 3x3 cells that are neutral and differ by no more than noise, white or grey. Fat, lumens and
  cracks of 12 µm and more are glass too.
- debris: what is left in pieces smaller than 1000 µm² that do not touch the image's border.
- tissue: everything else. Blurred or pale tissue is coloured, so it is tissue.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cached_property

import numpy as np
import PIL.Image
from scipy import ndimage

from slide.regions_of_interest import Regions
from slide.windows import cells_of, windows

CELL_UM = 4.0
# Limits between what `python -m experiments.image_limits DATA` measures on 92 fields of at least
# five scanners and what they must find; what the fields have is beside each. Grey levels, 0 to 255,
# of the means of cells.
MAX_GLASS_DEVIATION = 3.5  # among 3x3 cells; glass has up to 3
MAX_GLASS_CHROMA = 25.0  # largest minus smallest channel; as even, glass has 0 to 20, tissue 25 up
MAX_DARK, MAX_DARK_CHROMA = 90.0, 30.0  # 3x3 neutral cells: from 209 on
MAX_BLACK = 40.0  # the same along the image's border, where cells outside count as black
MIN_GREEN_OVER_RED = 20.0  # 2x2 cells: up to 4
MIN_GREEN_OVER_BLUE = 40.0  # up to 3; 250 in fields_h, where figures are painted yellow
MIN_BLUE_EXCESS = 90.0  # blue over the larger of red and green: up to 47
MIN_BLUE_FACTOR, MIN_BLUE_MARGIN = 2.5, 50.0  # the same as a factor, for dark pens
MIN_RED_FACTOR, MIN_RED = 4.5, 100.0  # red over the larger of green and blue: up to 3.2
MIN_TISSUE_UM2 = 1000.0
_STRIPE_PIXELS = 1 << 21
_SQUARE = np.ones((3, 3), bool)


class Kind(IntEnum):
    """What a cell of the map shows."""

    GLASS = 0
    TISSUE = 1
    DENSE = 2  # tissue or ink, marked by model/dense_areas.py
    BLACK = 3
    PEN = 4
    OUTSIDE = 5  # of the regions of interest


@dataclass(frozen=True, eq=False)
class TissueMap:
    """What an image shows, cell by cell.

    Attributes:
        kinds: (rows, columns) uint8, values of Kind.
        colours: (rows, columns, 3) uint8, mean RGB of each cell.
        cell: side of a cell in px of the image; those at the right and lower border are cut.
        size: (height, width) of the image in px.
        mpp: µm per pixel of the image.
        corner: (top, left) in px, where it is the map of a part of an image.
        whole: (height, width) in px of the image that it is a part of; its own where not stated.
        margin_mm2: area of each kind in the rest of that image.
    """

    kinds: np.ndarray
    colours: np.ndarray
    cell: int
    size: tuple[int, int]
    mpp: float
    corner: tuple[float, float] = (0.0, 0.0)
    whole: tuple[float, float] = (0.0, 0.0)
    margin_mm2: Mapping[Kind, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.whole == (0.0, 0.0):
            object.__setattr__(self, "whole", self.size)

    @property
    def tissue(self) -> np.ndarray:
        """(rows, columns) bool: cells of tissue."""
        return np.asarray((self.kinds == Kind.TISSUE) | (self.kinds == Kind.DENSE))

    @property
    def excluded(self) -> np.ndarray:
        """(rows, columns) bool: cells of black or pen, and those outside of the regions."""
        return np.asarray(self.kinds >= Kind.BLACK)

    @property
    def cell_mpp(self) -> float:
        """µm per pixel of the map."""
        return self.cell * self.mpp

    @cached_property
    def tissue_pixels(self) -> int:
        """Pixels of the image in cells of tissue."""
        height, width = (
            np.minimum(self.cell, side - self.cell * np.arange(cells))
            for side, cells in zip(self.size, self.kinds.shape, strict=True)
        )
        return int(height @ self.tissue @ width)

    @property
    def area_mm2(self) -> float:
        """Area of the tissue."""
        return self.tissue_pixels * (self.mpp / 1000) ** 2

    def cells_mm2(self, kind: Kind) -> float:
        """Area of the cells of a kind."""
        return int(np.count_nonzero(self.kinds == kind)) * (self.cell_mpp / 1000) ** 2

    def whole_mm2(self, kind: Kind) -> float:
        """Area of a kind in the whole image."""
        return self.cells_mm2(kind) + self.margin_mm2.get(kind, 0.0)

    @property
    def inside_mm2(self) -> float | None:
        """Area of the cells in the regions of interest; None where all cells are."""
        inside = int(np.count_nonzero(self.kinds != Kind.OUTSIDE))
        return inside * (self.cell_mpp / 1000) ** 2 if inside < self.kinds.size else None

    def area_mm2_within(self, left: float, top: float, right: float, bottom: float) -> float:
        """Area of the tissue in a rectangle, by shares of the whole image's width and height.

        Cells that are partly inside count by that part.
        """
        height, width = (
            np.diff(
                np.clip(
                    np.minimum(np.arange(cells + 1) * self.cell, side) + corner,
                    low * whole,
                    high * whole,
                )
            )
            for side, cells, corner, whole, low, high in zip(
                self.size, self.kinds.shape, self.corner, self.whole, (top, left), (bottom, right),
                strict=True,
            )
        )  # fmt: skip
        return float(height @ self.tissue @ width) * (self.mpp / 1000) ** 2

    def within(self, regions: Regions, scale: tuple[float, float] = (1.0, 1.0)) -> TissueMap:
        """The map with cells outside of the regions marked; a cell belongs where its centre is.

        Args:
            regions: of interest.
            scale: px in which these are counted for a px of the map's image, (x, y).
        """
        edges = (
            np.minimum(np.arange(cells + 1) * self.cell, side)
            for side, cells in zip(self.size, self.kinds.shape, strict=True)
        )
        y, x = ((edge[1:] + edge[:-1]) / 2 for edge in edges)
        inside = regions.grid(x * scale[0], y * scale[1])
        return replace(self, kinds=np.where(inside, self.kinds, np.uint8(Kind.OUTSIDE)))

    def share(self, kind: Kind) -> float:
        """Share of the cells, 0 to 1."""
        return float((self.kinds == kind).mean())


def find_tissue(
    pixels: np.ndarray, mpp: float, threads: int = 2, with_debris: bool = False
) -> TissueMap:
    """Map of an image or of a slide's overview.

    Args:
        pixels: (height, width, 3) uint8 RGB, at least 1 x 1.
        mpp: µm per pixel; from 4 on, cells are pixels.
        threads: number of stripes worked on at once; the result does not depend on it.
        with_debris: whether debris counts as tissue.
    """
    cell = max(round(CELL_UM / mpp), 1)
    colours = reduce(pixels, cell, threads)
    kinds = classify_cells(colours, cell * mpp, with_debris)
    return TissueMap(kinds, colours, cell, (pixels.shape[0], pixels.shape[1]), mpp)


def reduce(pixels: np.ndarray, factor: int, threads: int = 2) -> np.ndarray:
    """Mean (rows, columns, 3) uint8 of squares of factor x factor px, cut at the far borders.

    The mean is taken over four to seven rows of each square: 64 px of a cell at 0.25 µm per pixel.
    """
    if factor == 1:
        return pixels
    lines = np.arange(0, factor, max(factor // 4, 1))  # of a square
    tops = np.arange(0, len(pixels), factor)
    count = max(_STRIPE_PIXELS // (pixels.shape[1] * factor), 1)  # squares in a stripe's height
    stripes = [tops[first : first + count] for first in range(0, len(tops), count)]

    def shrink(stripe: np.ndarray) -> np.ndarray:
        rows = (stripe[:, None] + lines).ravel()
        image = PIL.Image.fromarray(pixels[rows[rows < len(pixels)]])
        return np.asarray(image.reduce((factor, len(lines))))

    with ThreadPoolExecutor(max_workers=max(threads, 1)) as pool:
        return np.concatenate(list(pool.map(shrink, stripes)))


def classify_cells(colours: np.ndarray, mpp: float, with_debris: bool = False) -> np.ndarray:
    """Kind (rows, columns) uint8 of cells with mean RGB (rows, columns, 3) at mpp µm per cell."""
    kinds = np.full(colours.shape[:2], Kind.TISSUE, np.uint8)
    kinds[_glass(colours)] = Kind.GLASS
    kinds[_pen(colours)] = Kind.PEN
    kinds[_black(colours)] = Kind.BLACK
    kinds[_seams(kinds)] = Kind.GLASS
    if not with_debris:
        kinds[_small_pieces(kinds == Kind.TISSUE, MIN_TISSUE_UM2 / mpp**2)] = Kind.GLASS
    return kinds


def _glass(colours: np.ndarray) -> np.ndarray:
    """Cells in any 3x3 cells that are neutral and even."""
    seen = windows(colours)
    even = (seen.deviation < MAX_GLASS_DEVIATION) & (seen.chroma < MAX_GLASS_CHROMA)
    flat = even & (seen.darkest > MAX_DARK)
    return cells_of(flat)


def _pen(colours: np.ndarray) -> np.ndarray:
    """Cells of pen marks, with the cells around them, where ink has run out."""
    red, green, blue = np.moveaxis(colours.astype(np.float32), -1, 0)
    others = np.maximum(red, green)
    excess = blue - others
    inked = (green - red > MIN_GREEN_OVER_RED) | (green - blue > MIN_GREEN_OVER_BLUE)
    inked |= excess > MIN_BLUE_EXCESS
    inked |= (excess > MIN_BLUE_MARGIN) & (blue > MIN_BLUE_FACTOR * others)
    inked |= (red > MIN_RED) & (red > MIN_RED_FACTOR * np.maximum(green, blue))
    strokes = ndimage.binary_opening(inked, np.ones((2, 2), bool))
    if not strokes.any():
        return np.asarray(strokes)
    whole = ndimage.binary_propagation(strokes, _SQUARE, mask=inked)
    return np.asarray(ndimage.binary_dilation(whole, _SQUARE))


def _black(colours: np.ndarray) -> np.ndarray:
    """Neutral dark areas of 3x3 cells; narrower ones along the image's border where black."""
    brightest = colours.max(axis=-1)
    neutral = brightest - colours.min(axis=-1) <= MAX_DARK_CHROMA
    dark = ndimage.binary_opening(neutral & (brightest <= MAX_DARK), _SQUARE)
    border = np.pad(neutral & (brightest <= MAX_BLACK), 2, constant_values=True)
    border = ndimage.binary_opening(border, _SQUARE)[2:-2, 2:-2]
    return np.asarray(dark | border)


def _seams(kinds: np.ndarray) -> np.ndarray:
    """Cells between black and glass that show some of both: lines one cell wide."""
    tissue = kinds == Kind.TISSUE
    lines = tissue & ~ndimage.binary_opening(tissue, np.ones((2, 2), bool))
    for kind in (Kind.BLACK, Kind.GLASS):
        lines &= ndimage.binary_dilation(kinds == kind, _SQUARE)
    return np.asarray(lines)


def _small_pieces(tissue: np.ndarray, cells: float) -> np.ndarray:
    """Pieces of fewer cells that do not touch the border, where they may go on."""
    labels, count = ndimage.label(tissue, _SQUARE)
    small = np.bincount(labels.ravel(), minlength=count + 1) < cells
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        small[edge] = False
    small[0] = False
    return np.asarray(small[labels])
