"""Whether strips continue each other: offsets in a wrong order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import tifffile

from slide.tiff.segments import left_out, segment_size
from slide.torn_lines import MIN_CONTRAST, MIN_STEP
from slide.wording import counted

# Mean difference between the rows on both sides of a strip's border, by that between rows beside
# it. In strips of 8, 16, 64 and 100 rows, 54 real fields and crops of them have a median of 1.2,
# as JPEG of quality 30 of 2.0; strips in reversed order have one of 2.9 to 4.1. Single borders of
# fields that were stitched reach 3.0, but are not continued elsewhere (1104 fields and crops of two
# and three strips).
MAX_STEP = 2.5
_MIN_STRIPS, _MIN_BORDERS = 2, 3
_MIN_ROWS = 8
_MIN_WIDTH = 128  # px: a mean over fewer varies much
_MOST_ENDS = 16  # that are compared with each other
_NO_STRIPS: frozenset[int] = frozenset()


def strip_warning(page: tifffile.TiffPage, pixels: np.ndarray) -> tuple[str, ...]:
    """A warning if strips do not continue their neighbours.

    pixels: of the page, (height, width, 3) uint8.
    """
    missing = np.flatnonzero(left_out(page)).tolist()
    count = len(displaced_strips(pixels, segment_size(page)[0], missing))
    if not count:
        return ()
    return (
        f"neighbours do not continue {counted(count, 'strip')}: the order of strips may be wrong",
    )


def displaced_strips(
    pixels: np.ndarray, height: int, missing: Iterable[int] = ()
) -> frozenset[int]:
    """Which strips continue neither of their neighbours, or another strip instead.

    All, if most strips do not continue the next one.

    Args:
        pixels: (height of the image, width, 3) uint8.
        height: rows of a strip.
        missing: strips that are not compared.
    """
    strips = len(pixels) // height  # in full
    if strips < _MIN_STRIPS or height < _MIN_ROWS or pixels.shape[1] < _MIN_WIDTH:
        return _NO_STRIPS
    absent = set(missing)
    steps = {
        row // height - 1: _step(_rows(pixels, row, row))
        for row in range(height, len(pixels) - 1, height)
        if not absent & {row // height - 1, row // height}
    }
    torn = {strip for strip, step in steps.items() if step > MAX_STEP}
    if len(steps) >= _MIN_BORDERS and np.median(list(steps.values())) > MAX_STEP:
        return frozenset(range(-(-len(pixels) // height)))
    alone = frozenset(strip for strip in torn if strip - 1 in torn)
    if alone or not torn or not any(_fitting(pixels, height, torn, absent)):
        return alone
    return frozenset(torn | {strip + 1 for strip in torn})


def _fitting(pixels: np.ndarray, height: int, torn: set[int], missing: set[int]) -> Iterator[bool]:
    """Whether a strip whose successor does not continue it is continued by another one.

    torn: strips that the next one does not continue.
    """
    last = len(pixels) // height - 1
    ends = ((torn | {last}) & set(range(last + 1))) - missing
    starts = ({strip + 1 for strip in torn if strip < last} | {0}) - missing
    if len(ends) > _MOST_ENDS:
        return
    for end in ends:
        for start in starts - {end, end + 1}:
            rows = _rows(pixels, (end + 1) * height, start * height)
            yield bool(rows.std(axis=1).min() >= MIN_CONTRAST) and _step(rows) <= MAX_STEP


def _rows(pixels: np.ndarray, end: int, start: int) -> np.ndarray:
    """(4, width) float32 grey levels of two rows before `end`, and two from `start` on."""
    rows = np.concatenate([pixels[end - 2 : end], pixels[start : start + 2]])
    return np.asarray(rows.mean(axis=-1, dtype=np.float32))


def _step(rows: np.ndarray) -> float:
    """Step between the second and the third of four rows, in usual steps."""
    above, between, below = np.abs(np.diff(rows, axis=0)).mean(axis=1).tolist()
    return float(between / max((above + below) / 2, MIN_STEP))
