"""Precision, recall, F1, average precision and FROC, pooled over images.

Pooled means that counts are added over the images before a ratio is taken: F1 is
2TP / (2TP + FP + FN) of the sums, as in the MIDOG challenge.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from evaluation.counts import Counts, ratio
from evaluation.matching import (
    hits_by_rank,
    match_official,
    match_optimal,
    official_gains_by_rank,
    ranking,
)
from evaluation.scored_image import ScoredImage

# False positives per mm² at which the FROC is read, in octaves as in CAMELYON16 (which reads them
# per slide). An average field of 2084 px at 0.2456 µm/px has 0.26 mm².
FROC_DENSITIES = (1.0, 2.0, 4.0, 8.0, 16.0)


class Pool(NamedTuple):
    """What a set of n images with N detections in all adds up to, and all that a metric needs.

    The matching is done; a bootstrap replicate is the same pool with other weights of its images.

    probabilities   (N,) float64, descending over all images
    image           (N,) int, the image of each detection
    hits            (N,) bool, true positives by the ranked rule (average precision, FROC)
    official_gains  (N,) bool, true positives that each adds by the official rule (F1)
    last_of_tie     (N,) bool, whether the next detection has another probability
    figures         (n,) float64
    area            (n,) float64, mm²
    official        (n, 3) float64, TP, FP, FN of the positives of each image
    optimal         (n, 3) float64, the same by the largest assignment
    """

    probabilities: np.ndarray
    image: np.ndarray
    hits: np.ndarray
    official_gains: np.ndarray
    last_of_tie: np.ndarray
    figures: np.ndarray
    area: np.ndarray
    official: np.ndarray
    optimal: np.ndarray


class Curve(NamedTuple):
    """A pool at each of its k distinct probabilities, descending, taken as the threshold (>=)."""

    thresholds: np.ndarray
    true_positives: np.ndarray
    false_positives: np.ndarray
    figures: float
    area: float

    @property
    def precision(self) -> np.ndarray:
        return ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> np.ndarray:
        return ratio(self.true_positives, self.figures)

    @property
    def f1(self) -> np.ndarray:
        detections = self.true_positives + self.false_positives
        return ratio(2 * self.true_positives, detections + self.figures)

    @property
    def density(self) -> np.ndarray:
        """False positives per mm²."""
        return ratio(self.false_positives, self.area)


class OperatingPoint(NamedTuple):
    """Official counts at a threshold: a detection of probability >= threshold is positive."""

    threshold: float
    counts: Counts


def pool(images: Sequence[ScoredImage]) -> Pool:
    """Matches every image by every rule and puts the detections of all into one ranking."""
    orders = [ranking(image) for image in images]
    scores = [np.asarray(i.probabilities, float)[o] for i, o in zip(images, orders, strict=True)]
    probabilities = _joined(scores, float)
    order = np.argsort(-probabilities, kind="stable")
    probabilities = probabilities[order]
    return Pool(
        probabilities=probabilities,
        image=np.repeat(np.arange(len(images)), [len(score) for score in scores])[order],
        hits=_joined([hits_by_rank(image) for image in images], bool)[order],
        official_gains=_joined([official_gains_by_rank(image) for image in images], bool)[order],
        last_of_tie=np.append(probabilities[1:] != probabilities[:-1], True)[: len(order)],
        figures=np.array([len(image.figures) for image in images], dtype=float),
        area=np.array([image.area for image in images], dtype=float),
        official=np.array([match_official(i) for i in images], dtype=float).reshape(-1, 3),
        optimal=np.array([match_optimal(i) for i in images], dtype=float).reshape(-1, 3),
    )


def official_curve(pooled: Pool, weights: np.ndarray | None = None) -> Curve:
    """The official score at every threshold. weights (n,): how often each image counts (once)."""
    return _curve(pooled, pooled.official_gains, weights)


def ranked_curve(pooled: Pool, weights: np.ndarray | None = None) -> Curve:
    """The curve of average precision and FROC: detections matched from the most probable down."""
    return _curve(pooled, pooled.hits, weights)


def _curve(pooled: Pool, hits: np.ndarray, weights: np.ndarray | None) -> Curve:
    weights = np.ones(len(pooled.figures)) if weights is None else weights
    each = weights[pooled.image]
    last = pooled.last_of_tie
    detections = np.cumsum(each)[last]
    true_positives = np.cumsum(each * hits)[last]
    return Curve(
        thresholds=pooled.probabilities[last],
        true_positives=true_positives,
        false_positives=detections - true_positives,
        figures=float(weights @ pooled.figures),
        area=float(weights @ pooled.area),
    )


def average_precision(curve: Curve) -> float:
    """Area under precision over recall as a sum of steps, without interpolation.

    AP = Σ (R_i - R_{i-1}) P_i over the distinct probabilities i in descending order, R_0 = 0, as in
    sklearn.metrics.average_precision_score, but figures that no detection finds are in the
    denominator of the recall. Nothing is assumed below the least probability in the files (0.01 in
    those of process.py). nan without figures.
    """
    if curve.figures == 0:
        return float("nan")
    steps = np.diff(curve.recall, prepend=0.0)
    return float(np.sum(steps * np.nan_to_num(curve.precision)))


def best_operating_point(curve: Curve) -> OperatingPoint:
    """The threshold of the largest F1, the highest such threshold where several reach it.

    inf without detections: nothing is positive then.
    """
    if len(curve.thresholds) == 0:
        return OperatingPoint(float("inf"), Counts(0, 0, curve.figures))
    best = int(np.argmax(np.nan_to_num(curve.f1, nan=-1.0)))
    found, wrong = float(curve.true_positives[best]), float(curve.false_positives[best])
    return OperatingPoint(
        float(curve.thresholds[best]), Counts(found, wrong, curve.figures - found)
    )


def best_threshold(images: Sequence[ScoredImage]) -> OperatingPoint:
    """The one threshold that maximises the pooled official F1 of the images, and its counts."""
    return best_operating_point(official_curve(pool(images)))


def froc(curve: Curve, densities: Sequence[float] = FROC_DENSITIES) -> np.ndarray:
    """Sensitivity at the most permissive threshold that has at most so many false positives per
    mm², 0 where none has. nan without figures, or where no size is known."""
    if curve.figures == 0 or curve.area == 0:
        return np.full(len(densities), np.nan)
    allowed = np.searchsorted(curve.density, densities, side="right")
    return np.append(0.0, curve.recall)[allowed]


def summary(pooled: Pool, weights: np.ndarray | None = None) -> dict[str, float]:
    """Every number that gets an interval, for one weighting of the images.

    precision, recall, f1   official, at each image's own threshold
    optimal_f1              the same by the largest assignment
    best_f1                 official, at the threshold that is best for these very images
    ap                      average precision
    density                 false positives per mm², at each image's own threshold
    froc                    mean sensitivity over FROC_DENSITIES
    """
    weights = np.ones(len(pooled.figures)) if weights is None else weights
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
        "density": float(ratio(shipped.false_positives, ranked.area)),
    }


def _joined(parts: Sequence[np.ndarray], kind: type) -> np.ndarray:
    return np.concatenate([np.empty(0, dtype=kind), *parts])
