"""Bring pixels to the pixel size of the training, and points found there back to the input."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import PIL.Image

from slide import checks
from slide.image import ImageError

TRAINING_MPP = 0.25  # µm per pixel: MIDOG 2021's scanners have 0.23 to 0.26
TOLERANCE = 0.10  # of TRAINING_MPP: the training's scale augmentation covers more than this


@dataclass(frozen=True, eq=False)
class Resampled:
    """An image's pixels at another pixel size.

    pixels: (height, width, 3) uint8 RGB; scale: input pixels per pixel of these, (x, y).
    """

    pixels: np.ndarray
    scale: tuple[float, float]

    def mpp(self, of_input: float | tuple[float, float]) -> float:
        """µm per pixel of these pixels, the geometric mean of both axes, given the input's."""
        x, y = of_input if isinstance(of_input, tuple) else (of_input, of_input)
        return math.sqrt(x * self.scale[0] * y * self.scale[1])

    def to_input(self, points: np.ndarray) -> np.ndarray:
        """(n, 2) px (x, y) of these pixels to (n, 2) float64 px (x, y) of the input.

        Resampling aligns the images' corners, and the corner of pixel 0 is at -0.5.
        """
        return (np.asarray(points, np.float64).reshape(-1, 2) + 0.5) * self.scale - 0.5


def resample(
    pixels: np.ndarray,
    mpp: float | tuple[float, float],
    new_mpp: float = TRAINING_MPP,
    tolerance: float = TOLERANCE,
) -> Resampled:
    """Resample to about `new_mpp` µm per pixel; the pixels themselves if that is near `mpp`.

    Bicubic, widened by the factor when shrinking, so nothing aliases. The size is rounded to whole
    pixels, and `scale` is exact for the rounded size.

    Args:
        pixels: (height, width, 3) uint8 RGB.
        mpp: µm per pixel of `pixels`, of both axes or (x, y).
        new_mpp: µm per pixel wanted, of both axes.
        tolerance: `pixels` are not resampled if both axes differ from `new_mpp` by no more than
            this share.

    Raises:
        ImageError: the result would have more than checks.MAX_PIXELS pixels.
    """
    axes = mpp if isinstance(mpp, tuple) else (mpp, mpp)
    if is_near(axes, new_mpp, tolerance):
        return Resampled(pixels, (1.0, 1.0))
    height, width = pixels.shape[:2]
    size = resampled_size((width, height), axes, new_mpp)
    if math.prod(size) > checks.MAX_PIXELS:
        shown = checks.shown_size(size)
        raise ImageError(f"at {new_mpp} µm per pixel it has {shown} pixels: {checks.CUT_OUT}")
    new = np.empty((size[1], size[0], 3), np.uint8)
    for channel in range(3):  # Pillow keeps RGB in four bytes a pixel, a channel in one
        plane = PIL.Image.fromarray(pixels[..., channel])
        new[..., channel] = np.asarray(plane.resize(size, PIL.Image.Resampling.BICUBIC))
    return Resampled(new, (width / size[0], height / size[1]))


def is_near(
    mpp: tuple[float, float], other: float = TRAINING_MPP, tolerance: float = TOLERANCE
) -> bool:
    """Whether both axes of `mpp` differ from `other` by at most the share `tolerance`."""
    return all(abs(axis / other - 1) <= tolerance + 1e-9 for axis in mpp)


def resampled_size(
    size: tuple[int, int], mpp: tuple[float, float], new_mpp: float = TRAINING_MPP
) -> tuple[int, int]:
    """Size in px (width, height) at another number of µm per pixel."""
    width, height = (
        max(1, round(side * axis / new_mpp)) for side, axis in zip(size, mpp, strict=True)
    )
    return width, height
