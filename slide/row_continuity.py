"""Whether the rows of an image continue each other, as they do not where its width is wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

ROW_SHIFTS = 6  # px
_WINDOW = 17  # px: larger structures, and the light, do not count


def row_continuity(tiles: Sequence[np.ndarray]) -> tuple[float, float] | None:
    """Row step and row gain of all squares together.

    The step is the mean difference between neighbouring rows, by that between neighbouring columns;
    the gain is the same, by that between rows of which one is moved by up to ROW_SHIFTS px.

    tiles: (side, side, 3) uint8 RGB; None without any.
    """
    if not tiles:
        return None
    rows, columns = np.zeros(2 * ROW_SHIFTS + 1), 0.0
    for tile in tiles:
        grey = tile.mean(axis=-1, dtype=np.float32)
        grey -= ndimage.uniform_filter(grey, _WINDOW)
        upper, lower = grey[:-1, ROW_SHIFTS:-ROW_SHIFTS], grey[1:]
        width = upper.shape[1]
        rows += [np.abs(upper - lower[:, s:][:, :width]).mean() for s in range(len(rows))]
        columns += float(np.abs(np.diff(grey, axis=1)).mean())
    step = float(rows[ROW_SHIFTS])
    return step / max(columns, 1e-3), step / max(float(rows.min()), 1e-3)
