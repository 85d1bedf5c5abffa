"""By how much annotations would have to be moved to lie on the detections."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from evaluation.matching import RADIUS
from evaluation.scored_image import ScoredImage

FARTHEST = 200.0  # px; a wrong origin or box is less, and farther ones would fit by chance


def frequent_shift(images: Sequence[ScoredImage]) -> np.ndarray | None:
    """(2,) px: the most frequent difference between a positive detection and a figure.

    Differences are alike if they lie within half of the radius of a match, and their mean is
    returned; None if no detection is within FARTHEST of a figure.
    """
    differences = np.concatenate([_differences(image) for image in images])
    if not len(differences):
        return None
    tree = cKDTree(differences)
    near = 1e3 * RADIUS / float(np.mean(images[0].mpp)) / 2
    alike = tree.query_ball_point(differences, near, return_length=True)
    best = tree.query_ball_point(differences[int(alike.argmax())], near)
    shift: np.ndarray = differences[best].mean(axis=0)
    return shift


def _differences(image: ScoredImage) -> np.ndarray:
    """(n, 2) px from each figure to each positive detection that is not too far."""
    positives = image.positives()
    if not (len(positives) and len(image.figures)):
        return np.zeros((0, 2))
    near = cKDTree(positives).query_ball_point(image.figures, FARTHEST)
    return np.concatenate(
        [positives[found] - figure for found, figure in zip(near, image.figures, strict=True)]
    ).reshape(-1, 2)
