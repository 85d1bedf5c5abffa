"""How an image was exposed: whether its brightest colours are cut off, and its contrast."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slide.nuclei import halved

_MIN_CHROMA = 20  # grey levels between the channels of a pixel; glass has less
_MARGIN = 2  # grey levels: JPEG blurs what was cut off
_BRIGHTEST = 99.9  # percentile; a few pixels may be marks
_DEEPEST = 0.0001  # quantile


def clipped_share(tiles: Sequence[np.ndarray]) -> float | None:
    """Share of the coloured pixels that are at the brightest value of a channel.

    tiles: (side, side, 3) uint8 RGB; None without any. The channel is the one with the most.
    """
    if not tiles:
        return None
    pixels = np.concatenate([tile.reshape(-1, 3) for tile in tiles])
    brightest = np.percentile(pixels, _BRIGHTEST, axis=0) - _MARGIN
    coloured = pixels[np.ptp(pixels, axis=1) > _MIN_CHROMA]
    return float((coloured >= brightest).mean(axis=0).max()) if len(coloured) else 0.0


def brightness_range(tiles: Sequence[np.ndarray]) -> float | None:
    """Grey levels between the 0.01 and the 0.99 quantile of the square with the largest range.

    tiles: (side, side, 3) uint8 RGB; None without any. Brightness is the mean of the channels and
    of 2x2 px.
    """
    grey = (halved(tile.mean(axis=-1, dtype=np.float32)) for tile in tiles)
    return max((float(np.subtract(*np.percentile(g, (99, 1)))) for g in grey), default=None)


def darkest(tiles: Sequence[np.ndarray]) -> float | None:
    """0.01 quantile of red, which shows haematoxylin, among means of 2x2 px of the darkest square.

    tiles: (side, side, 3) uint8 RGB; None without any.
    """
    return min((float(np.percentile(halved(tile[..., 0]), 1)) for tile in tiles), default=None)


def deepest(tiles: Sequence[np.ndarray]) -> float | None:
    """Darkest value, 0 to 255, among all squares: haze and scattered light lift it.

    tiles: (side, side, 3) uint8 RGB; None without any. It is the 0.0001 quantile of the darkest
    channel's means of 2x2 px.
    """
    if not tiles:
        return None
    values = [halved(tile.min(axis=-1).astype(np.float32)).ravel() for tile in tiles]
    return float(np.quantile(np.concatenate(values), _DEEPEST))
