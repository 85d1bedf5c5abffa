"""Cells that are annotated twice, as where the files of two annotators are merged."""

import numpy as np
from scipy.spatial import cKDTree

# px, 2 µm at 0.25 µm per pixel: no two cells are so close. The smallest distance between
# annotations of one image is 30 px in MIDOG.json (4,435) and 22 px between all nuclei of BreCaHAD.
SAME_CELL = 8.0


def without_repetitions(centres: np.ndarray) -> np.ndarray:
    """The centres (n, 2) px, in their order, that no earlier one of these repeats."""
    kept = np.ones(len(centres), bool)
    pairs = cKDTree(centres).query_pairs(SAME_CELL, output_type="ndarray") if len(centres) else []
    for earlier, later in sorted(map(sorted, pairs)):
        kept[later] &= not kept[earlier]
    return centres[kept]


def repeating(centres: np.ndarray, others: np.ndarray) -> int:
    """How many centres (n, 2) px are on the same cell as one of the others (m, 2)."""
    if not (len(centres) and len(others)):
        return 0
    distance, _ = cKDTree(others).query(centres)
    return int((distance <= SAME_CELL).sum())
