"""Cells that are annotated twice, as where the files of two annotators are merged."""

import numpy as np
from scipy.spatial import cKDTree

from evaluation.near import count_near

# px, 2 µm at 0.25 µm per pixel: no two cells are so close. The smallest distance between
# annotations of one image is 30 px in MIDOG.json (4,435) and 22 px between all nuclei of BreCaHAD.
SAME_CELL = 8.0
CLOSE_UM, CLOSE_PX = 5.0, 20.0  # closer than any two of those, but as boxes drawn twice by hand are


def without_repetitions(centres: np.ndarray) -> np.ndarray:
    """The centres (n, 2) px, in their order, that no earlier one of these repeats."""
    kept = np.ones(len(centres), bool)
    pairs = cKDTree(centres).query_pairs(SAME_CELL, output_type="ndarray") if len(centres) else []
    for earlier, later in sorted(map(sorted, pairs)):
        kept[later] &= not kept[earlier]
    return centres[kept]


def close_pairs(centres: np.ndarray, mpp: tuple[float, float] | None) -> int:
    """How many pairs of centres (n, 2) px are closer than cells are.

    mpp: µm per pixel (x, y); None where it is unknown, so probably the usual 0.25.
    """
    if len(centres) < 2:
        return 0
    if mpp is None:
        return len(cKDTree(centres).query_pairs(CLOSE_PX))
    return len(cKDTree(centres * np.array(mpp)).query_pairs(CLOSE_UM))


def repeating(centres: np.ndarray, others: np.ndarray) -> int:
    """How many centres (n, 2) px are on the same cell as one of the others (m, 2)."""
    return int(count_near(centres, others, (1.0, 1.0), SAME_CELL))
