"""Regions of an image at any size, for its pictures: of pixels in memory or of a whole slide."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from PIL import Image as Picture

from slide.whole_slide import WholeSlide

OVERVIEW_SIDE = 4096  # px: the longer side of a slide's overview in memory is at most this


class RegionReader(Protocol):
    """Reads parts of an image, of which it may hold no more than it is asked for.

    Attributes:
        size: (width, height) in px.
    """

    size: tuple[int, int]

    def read(self, x: int, y: int, width: int, height: int, shrink: int) -> np.ndarray:
        """(height, width, 3) uint8 RGB of the image made 2 ** shrink times smaller.

        x, y, width, height: px of the smaller image; the region is inside it.
        """


def shrunk(size: tuple[int, int], shrink: int) -> tuple[int, int]:
    """(width, height) of an image made 2 ** shrink times smaller, rounded up."""
    return -(-size[0] >> shrink), -(-size[1] >> shrink)


class ArrayReader:
    """The regions of an image in memory; each level is the mean of 2 x 2 px of the next."""

    def __init__(self, pixels: np.ndarray) -> None:
        """pixels: (height, width, 3) uint8 RGB."""
        self._levels = [Picture.fromarray(pixels)]
        self.size = self._levels[0].size

    def read(self, x: int, y: int, width: int, height: int, shrink: int) -> np.ndarray:
        """A region of a level, as RegionReader describes it."""
        while len(self._levels) <= shrink:
            self._levels.append(self._levels[-1].reduce(2))
        return np.asarray(self._levels[shrink].crop((x, y, x + width, y + height)))


class SlideReader:
    """The regions of a whole slide, of which an overview is in memory."""

    def __init__(self, slide: WholeSlide) -> None:
        """slide: open for reading."""
        self.size = slide.size
        self._slide = slide
        self.overview_shrink = overview_shrink(slide.size)
        side = float(1 << self.overview_shrink)
        self._overview = ArrayReader(slide.overview(side * max(slide.mpp), cell=(side, side)))

    def read(self, x: int, y: int, width: int, height: int, shrink: int) -> np.ndarray:
        """A region of a level, as RegionReader describes it.

        Raises:
            ImageError: it cannot be decoded.
        """
        if shrink >= self.overview_shrink:
            return self._overview.read(x, y, width, height, shrink - self.overview_shrink)
        level = self._slide.level_for((1 << shrink) * max(self._slide.mpp))
        across, down = ((1 << shrink) / factor for factor in self._slide.factor(level))
        left, top = int(x * across), int(y * down)
        right, bottom = -int(-(x + width) * across // 1), -int(-(y + height) * down // 1)
        pixels = self._slide.read(left, top, right - left, bottom - top, level)
        corner = x * across - left, y * down - top
        box = (*corner, corner[0] + width * across, corner[1] + height * down)
        small = Picture.fromarray(pixels).resize((width, height), Picture.Resampling.BOX, box=box)
        return np.asarray(small)


def overview_shrink(size: tuple[int, int]) -> int:
    """How often an image is halved until its longer side is at most OVERVIEW_SIDE."""
    return max((-(-max(size) // OVERVIEW_SIDE) - 1).bit_length(), 0)
