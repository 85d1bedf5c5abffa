"""Rows or columns that repeat the one before, as of a stalled line scanner or enlarged pixels."""

from __future__ import annotations

import numpy as np

_SAMPLES = 64  # pixels of a row that are compared first
_MIN_COLOURS = 16  # of these: rows of glass and borders repeat in any image
_MIN_ROWS = 8  # 92 real fields have none


def repeated_rows_warning(pixels: np.ndarray) -> tuple[str, ...]:
    """A warning if rows or columns of (height, width, 3) uint8 RGB repeat the one before."""
    rows = _repeated(pixels)
    columns = _repeated(pixels.swapaxes(0, 1))
    name, count = ("rows", rows) if rows >= columns else ("columns", columns)
    if count < _MIN_ROWS:
        return ()
    return (
        f"{count} {name} of pixels repeat the one before: enlarged without interpolation, or "
        "filled in where a scanner stalled",
    )


def _repeated(pixels: np.ndarray) -> int:
    """How many rows are equal to the one before and not of a few colours."""
    samples = pixels[:, :: max(pixels.shape[1] // _SAMPLES, 1)]
    equal = (samples[1:] == samples[:-1]).all(axis=(1, 2))
    return sum(
        len(np.unique(samples[row + 1], axis=0)) >= _MIN_COLOURS
        and np.array_equal(pixels[row], pixels[row + 1])
        for row in np.flatnonzero(equal)
    )
