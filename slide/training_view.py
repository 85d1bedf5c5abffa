"""A whole slide at the pixel size of the training: its level, and resampling beyond 10 %."""

from __future__ import annotations

import math

import numpy as np
import PIL.Image

from slide.pixel_mask import PixelMask
from slide.regions_of_interest import Regions
from slide.resample import TOLERANCE, TRAINING_MPP, is_near, resampled_size
from slide.tissue import TissueMap, find_tissue
from slide.whole_slide import WholeSlide

MAP_UM = 8.0  # side of a cell of the tissue map
# What a slide takes besides network and candidates: bytes for a cell of the map while tissue is
# found (65 measured) and thereafter; for a stripe of the overview; for a tile, its candidates and
# the decoder's cache.
FINDING, KEPT, STRIPE, TILE = 70, 5, 250_000_000, 200_000_000


def slide_memory(slide: WholeSlide) -> tuple[int, int]:
    """Bytes that a slide takes while its tissue is found, and while its tiles are processed."""
    width, height = (side * mpp / MAP_UM for side, mpp in zip(slide.size, slide.mpp, strict=True))
    return int(FINDING * width * height) + STRIPE, int(KEPT * width * height) + TILE


class TrainingView:
    """Pixels of a slide at about TRAINING_MPP; coordinates are px of this view.

    Attributes:
        slide: the slide.
        level: of the slide, from which pixels are read.
        size: (width, height) in px.
        mpp: µm per pixel, the geometric mean of both axes.
        resampled: whether the level's pixel size differs by more than TOLERANCE.
        cell: side of a cell of the tissue map in px.
    """

    def __init__(self, slide: WholeSlide) -> None:
        """Choose the coarsest level that is fine enough."""
        self.slide = slide
        self.level = slide.level_for(TRAINING_MPP * (1 + TOLERANCE) + 1e-9)
        factor, of_level = slide.factor(self.level), slide.levels[self.level]
        mpp = slide.mpp[0] * factor[0], slide.mpp[1] * factor[1]
        self.resampled = not is_near(mpp)
        self.size = resampled_size(of_level, mpp) if self.resampled else of_level
        # Pixels of the level per pixel of this view.
        self._scale = of_level[0] / self.size[0], of_level[1] / self.size[1]
        self.mpp = math.sqrt(mpp[0] * self._scale[0] * mpp[1] * self._scale[1])
        self.cell = max(round(MAP_UM / self.mpp), 1)
        self._to_slide = factor[0] * self._scale[0], factor[1] * self._scale[1]

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """(height, width, 3) uint8 RGB of a region; white outside of the slide.

        Raises:
            ImageError: the region cannot be decoded.
        """
        if not self.resampled:
            return self.slide.read(x, y, width, height, self.level)
        left, right = self._with_margin(x, width, self._scale[0])
        top, bottom = self._with_margin(y, height, self._scale[1])
        pixels = self.slide.read(left, top, right - left, bottom - top, self.level)
        across, down = self._scale
        box = (
            x * across - left, y * down - top,
            (x + width) * across - left, (y + height) * down - top,
        )  # fmt: skip
        image = PIL.Image.fromarray(pixels)
        return np.asarray(image.resize((width, height), PIL.Image.Resampling.BICUBIC, box=box))

    @staticmethod
    def _with_margin(start: int, length: int, scale: float) -> tuple[int, int]:
        """First and last pixel of the level that the bicubic kernel reaches from a region."""
        margin = math.ceil(2 * max(scale, 1)) + 1
        return math.floor(start * scale) - margin, math.ceil((start + length) * scale) + margin

    def to_slide(self, points: np.ndarray) -> np.ndarray:
        """(n, 2) px (x, y) of this view to (n, 2) float64 px (x, y) of the slide's level 0."""
        return (np.asarray(points, np.float64).reshape(-1, 2) + 0.5) * self._to_slide - 0.5

    def tissue(self) -> TissueMap:
        """What the slide shows, by its overview; a cell has `cell` px of this view.

        The map's own pixel is its cell, so that areas are those of cells.
        """
        side = self.cell * self.mpp
        return find_tissue(self.slide.overview(side, self._cell_in_slide), side)

    def within(self, tissue: TissueMap, regions: Regions) -> TissueMap:
        """The map with cells outside of the regions, in px of the slide's level 0, marked."""
        return tissue.within(regions, self._cell_in_slide)

    @property
    def _cell_in_slide(self) -> tuple[float, float]:
        return self.cell * self._to_slide[0], self.cell * self._to_slide[1]

    def mask(self, pixels: np.ndarray, x: int, y: int, tissue: TissueMap) -> PixelMask:
        """Tissue and exclusions of pixels whose corner x, y is a corner of a cell of the map."""
        height, width = pixels.shape[:2]
        row, column = y // self.cell, x // self.cell
        rows = slice(row, row - (-height // self.cell))
        columns = slice(column, column - (-width // self.cell))
        kinds, colours = tissue.kinds[rows, columns], tissue.colours[rows, columns]
        part = TissueMap(kinds, colours, self.cell, (height, width), self.mpp)
        return PixelMask(pixels, part)
