"""Whether the brightest colours are cut off, as by overexposure or too much contrast."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_MIN_CHROMA = 20  # grey levels between the channels of a pixel; glass has less
_MARGIN = 2  # grey levels: JPEG blurs what was cut off
_BRIGHTEST = 99.9  # percentile; a few pixels may be marks


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
