"""How many positions have a detection near them."""

import numpy as np
from scipy.spatial import cKDTree


def count_near(
    positions: np.ndarray, points: np.ndarray, mpp: tuple[float, float], within: float
) -> np.ndarray:
    """(...) int: how many of the positions (..., n, 2) px have a point (m, 2) px within µm.

    mpp: µm per pixel (x, y).
    """
    if not (len(points) and positions.size):
        return np.zeros(positions.shape[:-2], int)
    distance, _ = cKDTree(points * np.array(mpp)).query(positions * np.array(mpp))
    near: np.ndarray = (distance <= within).sum(axis=-1)
    return near
