"""Whether the colour channels lie on each other: those of a scanner can be out of register."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from skimage.registration import phase_cross_correlation

_WINDOW = 9  # px: larger structures, and the light, do not count
_STEPS = 4  # of a pixel, in which shifts are measured
_SIDE = 256  # px of a square that are looked at


def channel_shift(tiles: Sequence[np.ndarray]) -> float | None:
    """How far red or blue is moved against green, in px along x or y: median of squares.

    tiles: (side, side, 3) uint8 RGB; None without any.
    """
    if not tiles:
        return None
    return float(np.median([_shifts(tile) for tile in tiles], axis=0).max())


def _shifts(tile: np.ndarray) -> list[float]:
    """Of red and of blue, px by the largest cross-correlation with green."""
    planes = np.moveaxis(tile[:_SIDE, :_SIDE], -1, 0).astype(np.float32)
    if np.ptp(planes, axis=(1, 2)).min() == 0:
        return [0.0, 0.0]
    red, green, blue = (plane - ndimage.uniform_filter(plane, _WINDOW) for plane in planes)
    found = (
        phase_cross_correlation(green, other, normalization=None, upsample_factor=_STEPS)
        for other in (red, blue)
    )
    return [float(np.abs(shift).max()) for shift, _, _ in found]
