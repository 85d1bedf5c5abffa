"""How many positions have a detection near them."""

import numpy as np
from scipy.spatial import cKDTree

from evaluation.matching import RADIUS
from evaluation.scored_image import ScoredImage


def count_near(
    positions: np.ndarray, points: np.ndarray, mpp: tuple[float, float], within: float
) -> np.ndarray:
    """(...) int: how many of the positions (..., n, 2) px have a point (m, 2) px near them.

    Args:
        positions: of figures.
        points: of detections.
        mpp: µm per pixel (x, y).
        within: the largest distance that is near, in µm.
    """
    if not (len(points) and positions.size):
        return np.zeros(positions.shape[:-2], int)
    distance, _ = cKDTree(points * np.array(mpp)).query(positions * np.array(mpp))
    near: np.ndarray = (distance <= within).sum(axis=-1)
    return near


def count_found(positions: np.ndarray, image: ScoredImage) -> int:
    """How many of the positions (n, 2) px have a positive detection within the matching radius."""
    return int(count_near(positions, image.positives(), image.mpp, 1e3 * RADIUS))
