"""Cells that an image shows twice, as where the overlap of stitched fields was kept in both."""

from __future__ import annotations

import numpy as np

from model.patches import PATCH_SIZE, PatchCutter
from slide.wording import counted

# Correlation of two patches' brightness. The highest between any two detections of an image is 0.86
# in 77 real fields of at least five scanners; cells of a strip that ten of them had twice, the
# second time 3 % brighter and compressed anew, have 0.96 to 1.
SAME_CELL = 0.95
MOST = 1000  # detections that are compared, from the most probable on


def repeated_cells(pixels: np.ndarray, points: np.ndarray) -> int:
    """How many pairs of points lie on the same picture of a cell.

    Args:
        pixels: (height, width, 3) uint8 RGB at the training resolution.
        points: (n, 2) x, y in px, from the most probable on.
    """
    patches = PatchCutter(pixels).cut(points[:MOST]).numpy()
    brightness = patches.mean(axis=3, dtype=np.float32).reshape(-1, PATCH_SIZE**2)
    brightness -= brightness.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(brightness, axis=1, keepdims=True)
    brightness /= np.maximum(lengths, 1)
    alike = np.triu(brightness @ brightness.T > SAME_CELL, k=1)
    return int(alike.sum())


def repetition_warning(pixels: np.ndarray, points: np.ndarray) -> tuple[str, ...]:
    """A sentence where cells are repeated; arguments as for `repeated_cells`."""
    pairs = repeated_cells(pixels, points)
    if not pairs:
        return ()
    return (
        f"{counted(pairs, 'pair')} of detections look the same, pixel by pixel: if the image shows "
        "tissue twice, as in an overlap, its cells count twice",
    )
