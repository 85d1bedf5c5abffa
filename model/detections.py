"""What is reported of an image: points that are not too faint, one for each mitotic figure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from model.adaptation.record import AdaptationRecord
from slide.appearance import Appearance
from slide.tissue import TissueMap

MERGE_RADIUS_UM = 7.5  # the radius within which the challenge counts a match
MIN_PROBABILITY = 0.01  # fainter points are not reported


@dataclass(frozen=True)
class Detections:
    """What was found in an image.

    Attributes:
        points: (n, 2) float64 x, y in px of the image.
        probabilities: (n,) float32, descending.
        without_adaptation: (n,) float32, the shipped network's probabilities of the same points.
        candidates: number of candidates.
        rescaled: whether the image was brought to the training resolution.
        adaptation: what the adaptation did.
        seconds: by stage.
        appearance: of the image; None where it was not measured.
        tissue: map of the whole image, at any resolution; None likewise.
        warnings: what a reader of the result should know, a sentence each.
    """

    points: np.ndarray
    probabilities: np.ndarray
    without_adaptation: np.ndarray
    candidates: int
    rescaled: bool
    adaptation: AdaptationRecord
    seconds: dict[str, float]
    appearance: Appearance | None = None
    tissue: TissueMap | None = None
    warnings: tuple[str, ...] = ()

    @property
    def tissue_mm2(self) -> float:
        """Area of the tissue; 0 where it was not measured."""
        return 0.0 if self.tissue is None else self.tissue.area_mm2


def select(points: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(k,) int64 indices of the candidates to report, from the most probable on.

    Args:
        points: (n, 2) x, y in µm.
        probabilities: (n,) in 0..1; below MIN_PROBABILITY a candidate is left out.
    """
    shown = np.flatnonzero(probabilities >= MIN_PROBABILITY)
    chosen: np.ndarray = shown[merge(points[shown], probabilities[shown])]
    return chosen


def merge(
    points: np.ndarray, probabilities: np.ndarray, radius: float = MERGE_RADIUS_UM
) -> np.ndarray:
    """Greedy suppression: the most probable point stays, those within the radius of it go.

    Args:
        points: (n, 2) x, y in µm.
        probabilities: (n,) in 0..1. Ties go to the smaller y, then the smaller x.
        radius: in µm; a distance of exactly the radius counts as within.

    Returns:
        (k,) int64 indices of the points that stay, from the most probable on.
    """
    if len(points) == 0:
        return np.zeros(0, np.int64)
    order = np.lexsort((points[:, 0], points[:, 1], -probabilities))
    neighbours = cKDTree(points).query_ball_point(points, radius)
    suppressed = np.zeros(len(points), bool)
    kept = []
    for index in order:
        if not suppressed[index]:
            kept.append(index)
            suppressed[neighbours[index]] = True
    return np.array(kept, np.int64)
