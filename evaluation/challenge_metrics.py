"""Average precision and FROC AUC as the evaluation of MIDOG 2025 computes them.

Its F1 is the official one, see evaluation/matching.py. Written from the description of both
measures in github.com/DeepMicroscopy/MIDOG25_T1_evaluation_docker, evaluate.py. That program adds
1e-6 to its denominators, so that a set without any figure or detection scores 0 or 1; here what
has no denominator is not defined (nan).
"""

import numpy as np

from evaluation.counts import ratio
from evaluation.pool import Pool, each_image_once, official_curve

RECALLS = np.linspace(0.0, 1.0, 101)  # COCO's: where the precision is read
MOST_FALSE_POSITIVES = 8.0  # per image, as in CAMELYON16 (Ehteshami Bejnordi et al., JAMA 2017)
THRESHOLDS = 40  # between the least and the largest probability
FROC_POINTS = 50  # between none and the most false positives


def box_average_precision(pooled: Pool, weights: np.ndarray | None = None) -> float:
    """COCO's average precision at an IoU of 0.5, points taken as boxes: 0..1.

    The mean of the precision at 101 recalls, where the precision at a recall is the largest at that
    recall or beyond (torchmetrics' map_50). weights (n,): how often each image counts. nan without
    figures.
    """
    weights = each_image_once(pooled) if weights is None else weights
    figures = float(weights @ pooled.figures)
    if figures == 0:
        return float("nan")
    each = weights[pooled.image]
    found = np.cumsum(each * pooled.box_hits)
    precision = np.nan_to_num(ratio(found, np.cumsum(each)))
    best_beyond = np.maximum.accumulate(precision[::-1])[::-1]
    first = np.searchsorted(found / figures, RECALLS, side="left")
    return float(np.append(best_beyond, 0.0)[np.minimum(first, len(best_beyond))].mean())


def froc_auc(pooled: Pool, weights: np.ndarray | None = None) -> float:
    """Area under sensitivity over false positives per image, from 0 to 8 of them: 0..8.

    Sensitivity is read at 40 thresholds, interpolated linearly between them, 0 below the fewest
    false positives and constant beyond the most. Thresholds of equally many false positives stay in
    the order in which NumPy's default sort leaves them, as in the challenge's program. The value is
    therefore lower if many thresholds have no false positive, and on a few fields it depends on the
    processor in the second decimal. weights (n,): how often each image counts. nan
    without figures or detections.
    """
    weights = each_image_once(pooled) if weights is None else weights
    curve = official_curve(pooled, weights)
    if curve.figures == 0 or not (weights[pooled.image] > 0).any():
        return float("nan")
    present = pooled.probabilities[weights[pooled.image] > 0]
    thresholds = np.linspace(present.min(), present.max(), THRESHOLDS)
    last = np.searchsorted(-curve.thresholds, -thresholds, side="right") - 1
    per_image, sensitivity = curve.false_positives[last] / weights.sum(), curve.recall[last]
    order = np.argsort(per_image)
    places = np.linspace(0.0, MOST_FALSE_POSITIVES, FROC_POINTS)
    sensitivity = np.interp(places, per_image[order], sensitivity[order], left=0.0)
    return float(np.trapezoid(sensitivity, places))
