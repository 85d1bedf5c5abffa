"""Cells that an image shows twice, as where the overlap of stitched fields is kept, or padding."""

from __future__ import annotations

import numpy as np

from model.patches import PATCH_SIZE, PatchCutter
from slide.wording import counted

# Correlation of two patches' brightness. The highest between any two detections, in any of eight
# orientations, is 0.91 in 28 million pairs in real fields of at least five scanners. Cells in a
# strip that was repeated in ten of the fields, 3 % brighter and recompressed, have 0.96 to 1.
SAME_CELL = 0.95
MOST = 1000  # detections that are compared, from the most probable on


def repeated_cells(pixels: np.ndarray, points: np.ndarray) -> int:
    """How many pairs of points lie on the same picture of a cell, also turned or mirrored.

    Args:
        pixels: (height, width, 3) uint8 RGB at the training resolution.
        points: (n, 2) x, y in px, from the most probable on.
    """
    patches = PatchCutter(pixels).cut(points[:MOST]).numpy()
    brightness = patches[:, 1:, 1:].mean(axis=3, dtype=np.float32)  # the centre is the middle now
    brightness -= brightness.mean(axis=(1, 2), keepdims=True)
    lengths = np.linalg.norm(brightness, axis=(1, 2), keepdims=True)
    brightness /= np.maximum(lengths, 1)
    own = brightness.reshape(len(patches), (PATCH_SIZE - 1) ** 2)
    alike = np.zeros((len(patches),) * 2, bool)
    for mirrored in (brightness, brightness[:, ::-1]):
        for turns in range(4):
            other = np.rot90(mirrored, turns, axes=(1, 2)).reshape(own.shape)
            alike |= own @ other.T > SAME_CELL
    return int(np.triu(alike, k=1).sum())


def repetition_warning(pixels: np.ndarray, points: np.ndarray) -> tuple[str, ...]:
    """A sentence where cells are repeated; arguments as for `repeated_cells`."""
    pairs = repeated_cells(pixels, points)
    if not pairs:
        return ()
    return (
        f"{counted(pairs, 'pair')} of detections show the same picture: if the image shows "
        "tissue twice, as in an overlap, its cells count twice",
    )
