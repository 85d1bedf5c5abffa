"""Whether neighbouring tiles continue each other: offsets in a wrong order, or a wrong width."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import tifffile

from slide.tiff.segments import left_out, segment_size
from slide.tiff.strip_seams import MIN_STEP, strip_warning

# Mean difference between the pixels on both sides of a tile's border, by that between pixels beside
# it. Of 92 real fields every third in tiles of 64 to 512 px has a median of 1.1, as JPEG of quality
# 30 of 1.8, and single borders up to 3.7; tiles in random order have a median of 4 to 7.
MAX_STEP = 2.8
_MIN_BORDERS = 3
_MIN_SIDE = 16  # px of a border that are compared


def seam_warning(page: tifffile.TiffPage, pixels: np.ndarray) -> tuple[str, ...]:
    """A warning if tiles or strips do not continue their neighbours.

    pixels: of the page, (height, width, 3) uint8.
    """
    if not page.is_tiled:
        return strip_warning(page, pixels)
    count = int(np.count_nonzero(displaced(pixels, segment_size(page), left_out(page))))
    if not count:
        return ()
    return (
        f"{count} tiles do not continue their neighbours: their order, or width and height, may be "
        "wrong",
    )


def displaced(
    pixels: np.ndarray, tile: tuple[int, int], missing: np.ndarray | None = None
) -> np.ndarray:
    """(rows, columns) bool: which tiles continue none of two or more neighbours.

    All, if most tiles do not continue those beside, or those below them.

    Args:
        pixels: (height, width, 3) uint8.
        tile: (height, width) of a tile in px.
        missing: (rows, columns) bool, tiles that are not compared.
    """
    across = _torn(pixels, tile)
    down = _torn(pixels.swapaxes(0, 1), tile[::-1]).T
    rows, columns = down.shape[0] + 1, across.shape[1] + 1
    if missing is not None:
        across[missing[:, 1:] | missing[:, :-1]] = np.nan
        down[missing[1:] | missing[:-1]] = np.nan
    padded = np.full((4, rows, columns), np.nan, np.float32)
    padded[0, :, 1:] = padded[1, :, :-1] = across
    padded[2, 1:], padded[3, :-1] = down, down
    if _are_torn(across) or _are_torn(down):
        return np.full((rows, columns), True)
    known = np.count_nonzero(~np.isnan(padded), axis=0)
    torn = np.count_nonzero(padded > MAX_STEP, axis=0)
    return np.asarray((known >= 2) & (torn == known))


def _are_torn(steps: np.ndarray) -> bool:
    """Whether most tiles do not continue those beside, or those below them."""
    known = steps[~np.isnan(steps)]
    return known.size >= _MIN_BORDERS and bool(np.median(known) > MAX_STEP)


def _torn(pixels: np.ndarray, tile: tuple[int, int]) -> np.ndarray:
    """(rows, columns - 1): step at the border between tiles side by side, in usual steps."""
    height, width = tile
    rows = -(-pixels.shape[0] // height)
    borders = np.arange(width, pixels.shape[1] - 1, width)
    lines = [pixels[:, borders + at].mean(axis=-1, dtype=np.float32) for at in (-2, -1, 0, 1)]
    before, at, behind = (
        _by_rows(np.abs(right - left), height, rows) for left, right in pairwise(lines)
    )
    out = np.full((rows, -(-pixels.shape[1] // width) - 1), np.nan, np.float32)
    out[:, : len(borders)] = at / np.maximum((before + behind) / 2, MIN_STEP)
    return out


def _by_rows(steps: np.ndarray, height: int, rows: int) -> np.ndarray:
    """Means (rows, n) of steps (height of the image, n) over rows of tiles; nan for a short one."""
    tops = np.arange(rows) * height
    counts = np.minimum(height, len(steps) - tops)
    sums = np.add.reduceat(steps, tops, axis=0)
    return np.asarray(np.where(counts[:, None] >= _MIN_SIDE, sums / counts[:, None], np.nan))
