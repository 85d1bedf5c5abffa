"""One H&E image in memory: its pixels and their place in the world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


class ImageError(ValueError):
    """An image that cannot be used. Its text: reason and remedy in one line, no file name."""


@dataclass(frozen=True, eq=False)
class Image:
    """Pixels and their place in the world.

    Attributes:
        pixels: (height, width, 3) uint8 RGB.
        spacing: mm per pixel, (x, y).
        origin: mm, world position of the centre of pixel (0, 0), (x, y).
        mpp_source: where the pixel size comes from, such as "resolution tags", "--mpp" or
            "manifest"; None for pixels that are not of a file.
        warnings: what the reader changed or ignored, a sentence each.
    """

    pixels: np.ndarray
    spacing: tuple[float, float]
    origin: tuple[float, float]
    mpp_source: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in px."""
        return int(self.pixels.shape[1]), int(self.pixels.shape[0])

    @property
    def held(self) -> int:
        """Bytes of memory that the pixels take."""
        return int(self.pixels.nbytes)

    @property
    def mpp(self) -> tuple[float, float]:
        """µm per pixel, (x, y)."""
        return self.spacing[0] * 1000, self.spacing[1] * 1000

    def to_millimetres(self, points: np.ndarray) -> np.ndarray:
        """(n, 2) px (x, y) to (n, 2) float64 mm: index times spacing plus origin, no half pixel."""
        return np.asarray(points, np.float64).reshape(-1, 2) * self.spacing + self.origin
