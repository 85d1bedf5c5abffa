"""Whether neighbouring tiles continue each other: offsets in a wrong order, or a wrong width."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import tifffile

from slide.tiff.segments import left_out, segment_size
from slide.tiff.strip_seams import strip_warning
from slide.torn_lines import MIN_CONTRAST, MIN_LENGTH, MIN_STEP
from slide.wording import counted

# Mean difference between the pixels on both sides of a tile's border, by that between pixels beside
# it. Of 92 real fields every third in tiles of 64 to 512 px has a median of 1.1, as JPEG of quality
# 30 of 1.8, and single borders up to 3.7; tiles in random order have a median of 4 to 7. In fields
# cut out along the tiles of a compressed slide the median is 2.8, so all borders of one count.
MAX_STEP, MAX_BY_MEDIAN = 2.8, 1.5
MAX_MEDIAN = 3.4
# The same of a border across the whole image, of 512 px or more: 2.6 and less at multiples of 64 px
# in 92 real fields, at quality 30 too; where other tissue follows, 3.1 and more.
MAX_LINE_STEP = 3.0
_MIN_TILE = 64  # px
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
        f"neighbours do not continue {counted(count, 'tile')}: the order of tiles, or width and "
        "height, may be wrong",
    )


def displaced(
    pixels: np.ndarray, tile: tuple[int, int], missing: np.ndarray | None = None
) -> np.ndarray:
    """(rows, columns) bool: which tiles continue none of two or more neighbours.

    All, if most tiles do not continue those beside, or those below them. Also those along a border
    across the whole image where nothing continues: the order of all tiles is shifted.

    Args:
        pixels: (height, width, 3) uint8.
        tile: (height, width) of a tile in px.
        missing: (rows, columns) bool, tiles that are not compared.
    """
    turned = pixels.swapaxes(0, 1)
    across, down = _torn(pixels, tile), _torn(turned, tile[::-1]).T
    rows, columns = down.shape[0] + 1, across.shape[1] + 1
    if missing is not None:
        across[missing[:, 1:] | missing[:, :-1]] = np.nan
        down[missing[1:] | missing[:-1]] = np.nan
    if _are_torn(across) or _are_torn(down):
        return np.full((rows, columns), True)
    padded = np.full((4, rows, columns), np.nan, np.float32)
    padded[0, :, 1:] = padded[1, :, :-1] = across
    padded[2, 1:], padded[3, :-1] = down, down
    is_known = ~np.isnan(padded)
    known = np.count_nonzero(is_known, axis=0)
    least = MAX_BY_MEDIAN * float(np.median(padded[is_known])) if is_known.any() else 0.0
    torn = np.count_nonzero(padded > max(MAX_STEP, least), axis=0)
    out = (known >= 2) & (torn == known)
    if min(tile) >= _MIN_TILE and (missing is None or not missing.any()):
        for line in np.flatnonzero(_torn_lines(pixels, tile[1], least)):
            out[:, line : line + 2] = True
        for line in np.flatnonzero(_torn_lines(turned, tile[0], least)):
            out[line : line + 2] = True
    return np.asarray(out)


def _are_torn(steps: np.ndarray) -> bool:
    """Whether most tiles do not continue those beside, or those below them."""
    known = steps[~np.isnan(steps)]
    return known.size >= _MIN_BORDERS and bool(np.median(known) > MAX_MEDIAN)


def _torn(pixels: np.ndarray, tile: tuple[int, int]) -> np.ndarray:
    """(rows, columns - 1): step at the border between tiles side by side, in usual steps."""
    height, width = tile
    rows = -(-pixels.shape[0] // height)
    lines = _lines(pixels, width)
    before, at, behind = (
        _by_rows(np.abs(right - left), height, rows) for left, right in pairwise(lines)
    )
    out = np.full((rows, -(-pixels.shape[1] // width) - 1), np.nan, np.float32)
    out[:, : at.shape[1]] = at / np.maximum((before + behind) / 2, MIN_STEP)
    return out


def _torn_lines(pixels: np.ndarray, width: int, least: float) -> np.ndarray:
    """(n,) bool: which borders between columns of tiles have other tissue on each side.

    least: a smaller step is not unusual in this image.
    """
    if len(pixels) < MIN_LENGTH:
        return np.zeros(0, bool)
    lines = _lines(pixels, width)
    before, at, behind = (np.abs(right - left).mean(axis=0) for left, right in pairwise(lines))
    torn = at > max(MAX_LINE_STEP, least) * np.maximum((before + behind) / 2, MIN_STEP)
    contrast = np.minimum(lines[1].std(axis=0), lines[2].std(axis=0))
    return np.asarray(torn & (contrast >= MIN_CONTRAST))


def _lines(pixels: np.ndarray, width: int) -> list[np.ndarray]:
    """Grey levels (height, n) float32 of the two columns before each border, and of two behind."""
    borders = np.arange(width, pixels.shape[1] - 1, width)
    return [pixels[:, borders + at].mean(axis=-1, dtype=np.float32) for at in (-2, -1, 0, 1)]


def _by_rows(steps: np.ndarray, height: int, rows: int) -> np.ndarray:
    """Means (rows, n) of steps (height of the image, n) over rows of tiles; nan for a short one."""
    tops = np.arange(rows) * height
    counts = np.minimum(height, len(steps) - tops)
    sums = np.add.reduceat(steps, tops, axis=0)
    return np.asarray(np.where(counts[:, None] >= _MIN_SIDE, sums / counts[:, None], np.nan))
