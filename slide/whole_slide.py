"""One whole slide: a pyramid on disk of which only the regions that are needed are decoded."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import PIL.Image
import tifffile

from slide import openslide_levels
from slide.checks import check_file
from slide.content import check_unknown_slide
from slide.image import ImageError
from slide.levels import WHITE, Levels
from slide.libraries import library_errors_named
from slide.openslide_levels import OpenSlideLevels
from slide.pixel_size import OPTION, PixelSize, choose_pixel_size, stated_by_user
from slide.tiff.levels import TiffLevels

# Formats of scanners. A .tif or .tiff file is a slide if it is tiled and larger than this: an image
# of MIDOG 2021 has 39 million px.
SUFFIXES = (".svs", ".ndpi", ".mrxs", ".scn", ".bif")
TIFF_SUFFIXES = (".tif", ".tiff")
MIN_PIXELS = 200_000_000
MAX_SIDE = 10**6  # px; a slide of 75 mm at 0.1 µm has 750,000
_STRIPE_PIXELS = 1 << 24  # of a level, read at a time for an overview


def is_whole_slide(path: Path) -> bool:
    """Whether a file is read tile by tile. Of a TIFF file only the header is read.

    False for what cannot be read, which the reader of images explains.
    """
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return True
    if suffix not in TIFF_SUFFIXES:
        return False
    try:
        if not path.is_file():
            return False
        with tifffile.TiffFile(path) as tiff:
            page = tiff.pages.first
            return bool(page.is_tiled) and page.imagewidth * page.imagelength > MIN_PIXELS
    except Exception:  # tifffile raises whatever a damaged header leads to
        return False


class WholeSlide:
    """A slide that is open for reading; coordinates are px of its finest level.

    Attributes:
        format: name of the format, such as "aperio".
        size: (width, height) of level 0 in px.
        levels: (width, height) of each level in px, the finest first.
        mpp: µm per pixel of level 0, (x, y).
        mpp_source: where the pixel size comes from.
        warnings: what a reader of the result should know, a sentence each.
    """

    origin = (0.0, 0.0)
    held = 1 << 28  # bytes of memory that reading takes: the overview and the decoder's cache

    def __init__(self, path: Path, mpp: float | None = None, mpp_source: str = OPTION) -> None:
        """Open a file.

        Args:
            path: of the file.
            mpp: µm per pixel of level 0; where given, it replaces what the file says.
            mpp_source: where `mpp` is stated.

        Raises:
            ImageError: the file is not a slide that can be read, or its pixel size is not known.
        """
        user = stated_by_user(mpp, mpp_source)
        check_file(path)
        with library_errors_named():
            self._levels: Levels = _open(path)
            size = self._checked()
            chosen: PixelSize = choose_pixel_size(self._levels.stated, user)
        self.format = self._levels.format
        self.size = size
        self.levels = self._levels.sizes
        self.mpp = chosen.spacing[0] * 1000, chosen.spacing[1] * 1000
        self.mpp_source = chosen.source
        self.warnings = self._levels.warnings + chosen.warnings

    def _checked(self) -> tuple[int, int]:
        width, height = self._levels.sizes[0]
        if max(width, height) > MAX_SIDE or min(width, height) < 1:
            raise ImageError(f"declares {width}x{height} pixels: export it again")
        return width, height

    def factor(self, level: int) -> tuple[float, float]:
        """Pixels of level 0 per pixel of a level, (x, y)."""
        width, height = self.levels[level]
        return self.size[0] / width, self.size[1] / height

    def level_for(self, um_per_px: float) -> int:
        """The coarsest level that is no coarser than so many µm per pixel, else level 0."""
        fine = [
            level
            for level in range(len(self.levels))
            if max(f * m for f, m in zip(self.factor(level), self.mpp, strict=True)) <= um_per_px
        ]
        return max(fine, default=0)

    def read(self, x: int, y: int, width: int, height: int, level: int = 0) -> np.ndarray:
        """(height, width, 3) uint8 RGB of a region, all in px of the level; white outside of it.

        Raises:
            ImageError: the region cannot be decoded.
        """
        across, down = self.levels[level]
        left, top = min(max(x, 0), across), min(max(y, 0), down)
        right, bottom = min(x + width, across), min(y + height, down)
        if (left, top, right, bottom) == (x, y, x + width, y + height):
            return self._read(level, left, top, width, height)
        out = np.full((height, width, 3), WHITE, np.uint8)
        if right > left and bottom > top:
            inside = self._read(level, left, top, right - left, bottom - top)
            out[top - y : bottom - y, left - x : right - x] = inside
        return out

    def _read(self, level: int, left: int, top: int, width: int, height: int) -> np.ndarray:
        with library_errors_named():
            return self._levels.read(level, left, top, width, height)

    def overview(self, um_per_px: float, cell: tuple[float, float] | None = None) -> np.ndarray:
        """(rows, columns, 3) uint8 RGB: the mean colour of each cell of the slide.

        It is made from the coarsest level that is fine enough, a stripe at a time.

        Args:
            um_per_px: side of a cell.
            cell: the same in px of level 0, (x, y), where it is to be exact.
        """
        wide, tall = cell or (um_per_px / self.mpp[0], um_per_px / self.mpp[1])
        columns, rows = math.ceil(self.size[0] / wide), math.ceil(self.size[1] / tall)
        level = self.level_for(um_per_px)
        across, down = (side / f for side, f in zip((wide, tall), self.factor(level), strict=True))
        out = np.empty((rows, columns, 3), np.uint8)
        step = max(int(_STRIPE_PIXELS / (columns * across * down)), 1)
        for row in range(0, rows, step):
            count = min(step, rows - row)
            top, bottom = math.floor(row * down), math.ceil((row + count) * down)
            stripe = self.read(0, top, math.ceil(columns * across), bottom - top, level)
            box = (0.0, row * down - top, columns * across, (row + count) * down - top)
            image = PIL.Image.fromarray(stripe)
            small = image.resize((columns, count), PIL.Image.Resampling.BOX, box=box)
            out[row : row + count] = np.asarray(small)
        return out

    def to_millimetres(self, points: np.ndarray) -> np.ndarray:
        """(n, 2) px (x, y) to (n, 2) float64 mm from the centre of the first pixel."""
        spacing = (self.mpp[0] / 1000, self.mpp[1] / 1000)
        return np.asarray(points, np.float64).reshape(-1, 2) * spacing

    def close(self) -> None:
        """Close the file."""
        self._levels.close()


def _open(path: Path) -> Levels:
    if openslide_levels.vendor(path):
        return OpenSlideLevels(path)
    check_unknown_slide(path)
    return TiffLevels(path)
