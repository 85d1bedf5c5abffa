"""Precision, recall, F1, average precision and FROC of pooled images."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from evaluation.challenge_metrics import box_average_precision, froc_auc
from evaluation.counts import Counts, ratio
from evaluation.pool import Curve, Pool, each_image_once, official_curve, pool, ranked_curve
from evaluation.scored_image import ScoredImage

__all__ = [
    "FROC_DENSITIES",
    "OperatingPoint",
    "Pool",
    "average_precision",
    "best_operating_point",
    "best_threshold",
    "froc",
    "official_curve",
    "pool",
    "ranked_curve",
    "summary",
]

# False positives per mm² at which the FROC is read, in octaves as in CAMELYON16 (which reads them
# per slide). An average field of 2084 px at 0.2456 µm/px has 0.26 mm².
FROC_DENSITIES = (1.0, 2.0, 4.0, 8.0, 16.0)


class OperatingPoint(NamedTuple):
    """Official counts at a threshold: a detection of probability >= threshold is positive."""

    threshold: float
    counts: Counts


def average_precision(curve: Curve) -> float:
    """Area under precision over recall as a sum of steps, without interpolation.

    AP = Σ (R_i - R_{i-1}) P_i over the distinct probabilities i in descending order, R_0 = 0, as in
    sklearn.metrics.average_precision_score, except that figures without a detection are in the
    denominator of the recall. Detections below the least probability in the files (0.01 in those of
    process.py) do not count. nan without figures.
    """
    if curve.figures == 0:
        return float("nan")
    steps = np.diff(curve.recall, prepend=0.0)
    return float(np.sum(steps * np.nan_to_num(curve.precision)))


def best_operating_point(curve: Curve) -> OperatingPoint:
    """The threshold of the largest F1, the highest one if there are several.

    inf without detections, so that nothing is positive.
    """
    if len(curve.thresholds) == 0:
        return OperatingPoint(float("inf"), Counts(0, 0, curve.figures))
    best = int(np.argmax(np.nan_to_num(curve.f1, nan=-1.0)))
    found, wrong = float(curve.true_positives[best]), float(curve.false_positives[best])
    return OperatingPoint(
        float(curve.thresholds[best]), Counts(found, wrong, curve.figures - found)
    )


def best_threshold(images: Sequence[ScoredImage]) -> OperatingPoint:
    """The threshold that maximises the pooled official F1 of the images, and its counts."""
    return best_operating_point(official_curve(pool(images)))


def froc(curve: Curve, densities: Sequence[float] = FROC_DENSITIES) -> np.ndarray:
    """Sensitivity at the lowest threshold with at most so many false positives per mm².

    0 if there is no such threshold; nan without figures, or if no image size is known.
    """
    if curve.figures == 0 or curve.area == 0:
        return np.full(len(densities), np.nan)
    allowed = np.searchsorted(curve.density, densities, side="right")
    return np.append(0.0, curve.recall)[allowed]


def summary(pooled: Pool, weights: np.ndarray | None = None) -> dict[str, float]:
    """Every number that gets an interval, for one weighting of the images.

    precision, recall, f1   official, at each image's own threshold
    optimal_f1              the same by the largest assignment
    best_f1                 official, at the threshold that is best for these images
    ap                      average precision
    density                 false positives per mm², at each image's own threshold
    froc                    mean sensitivity over FROC_DENSITIES
    box_ap                  average precision as the MIDOG 2025 evaluation computes it
    froc_auc                area under the FROC curve, likewise: 0..8
    """
    weights = each_image_once(pooled) if weights is None else weights
    shipped = Counts(*(weights @ pooled.official))
    ranked = ranked_curve(pooled, weights)
    return {
        "precision": shipped.precision,
        "recall": shipped.recall,
        "f1": shipped.f1,
        "optimal_f1": Counts(*(weights @ pooled.optimal)).f1,
        "best_f1": best_operating_point(official_curve(pooled, weights)).counts.f1,
        "ap": average_precision(ranked),
        "froc": float(froc(ranked).mean()),
        "box_ap": box_average_precision(pooled, weights),
        "froc_auc": froc_auc(pooled, weights),
        "density": float(ratio(shipped.false_positives, ranked.area)),
    }
