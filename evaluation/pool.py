"""The detections of several images in one ranking, and their counts at every threshold.

Pooled means that counts are added over the images before a ratio is taken: F1 is
2TP / (2TP + FP + FN) of the sums, as in the MIDOG challenge.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from evaluation.counts import ratio
from evaluation.matching import (
    box_hits_by_rank,
    hits_by_rank,
    match_official,
    match_optimal,
    official_gains_by_rank,
    ranking,
)
from evaluation.scored_image import ScoredImage


class Pool(NamedTuple):
    """The matched detections of n images, N in all.

    A bootstrap replicate is the same pool with other weights of its images.

    probabilities   (N,) float64, descending over all images
    image           (N,) int, the image of each detection
    hits            (N,) bool, true positives by the ranked rule (average precision, FROC)
    box_hits        (N,) bool, true positives by the rule of boxes (the challenge's AP)
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
    box_hits: np.ndarray
    official_gains: np.ndarray
    last_of_tie: np.ndarray
    figures: np.ndarray
    area: np.ndarray
    official: np.ndarray
    optimal: np.ndarray


class Curve(NamedTuple):
    """Counts of a pool at each of its k distinct probabilities, descending, as the threshold."""

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


def pool(images: Sequence[ScoredImage]) -> Pool:
    """Match every image by every rule, and rank the detections of all images together."""
    orders = [ranking(image) for image in images]
    scores = [np.asarray(i.probabilities, float)[o] for i, o in zip(images, orders, strict=True)]
    probabilities = _joined(scores, float)
    order = np.argsort(-probabilities, kind="stable")
    probabilities = probabilities[order]
    return Pool(
        probabilities=probabilities,
        image=np.repeat(np.arange(len(images)), [len(score) for score in scores])[order],
        hits=_joined([hits_by_rank(image) for image in images], bool)[order],
        box_hits=_joined([box_hits_by_rank(image) for image in images], bool)[order],
        official_gains=_joined([official_gains_by_rank(image) for image in images], bool)[order],
        last_of_tie=np.append(probabilities[1:] != probabilities[:-1], True)[: len(order)],
        figures=np.array([len(image.figures) for image in images], dtype=float),
        area=np.array([image.area for image in images], dtype=float),
        official=np.array([match_official(i) for i in images], dtype=float).reshape(-1, 3),
        optimal=np.array([match_optimal(i) for i in images], dtype=float).reshape(-1, 3),
    )


def each_image_once(pooled: Pool) -> np.ndarray:
    """(n,) float64 weights of a pool's images."""
    return np.ones(len(pooled.figures))


def official_curve(pooled: Pool, weights: np.ndarray | None = None) -> Curve:
    """The official score at every threshold. weights (n,): how often each image counts (once)."""
    return _curve(pooled, pooled.official_gains, weights)


def ranked_curve(pooled: Pool, weights: np.ndarray | None = None) -> Curve:
    """The curve of average precision and FROC: detections matched from the most probable down."""
    return _curve(pooled, pooled.hits, weights)


def _curve(pooled: Pool, hits: np.ndarray, weights: np.ndarray | None) -> Curve:
    weights = each_image_once(pooled) if weights is None else weights
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


def _joined(parts: Sequence[np.ndarray], kind: type) -> np.ndarray:
    return np.concatenate([np.empty(0, dtype=kind), *parts])
