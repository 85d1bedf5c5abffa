"""A threshold from annotated fields: the one of the largest pooled F1, and what it is worth."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from evaluation.bootstrap import RESAMPLES, Difference, Resamples, draw, percentile_interval
from evaluation.counts import Counts
from evaluation.metrics import best_operating_point
from evaluation.pool import Curve, Pool, official_curve, pool
from evaluation.scored_image import ScoredImage

FEWEST_FIGURES = 30  # below this a bootstrap says little about other figures
ACCEPTED_LOSS = 0.01  # of F1, expected because the threshold was chosen on few figures


class NoProposal(ValueError):
    """Annotated fields that allow no proposal; the text says why and what to do."""


class ThresholdChoice(NamedTuple):
    """A proposed threshold and what speaks for it.

    proposed       in 0..1
    low, high      95 % bootstrap interval of the proposal, nan for a single field
    unit, units    what was drawn in the bootstrap: "slide" or "field", and how many there are
    counts         official counts at the proposal
    before         official counts at the threshold of the results
    gain           F1 at the proposal minus F1 at the threshold of the results, with its interval
    held_out_f1    mean F1 on the fields that a resample left out, at the threshold it chose
    loss           mean F1 lost by choosing on a resample instead of on all fields
    more_figures   how many more mitotic figures would make the choice useful
    """

    proposed: float
    low: float
    high: float
    unit: str
    units: int
    counts: Counts
    before: Counts
    gain: Difference
    held_out_f1: float
    loss: float
    more_figures: int

    @property
    def useful(self) -> bool:
        """Whether it was chosen on enough figures, in more than one field."""
        return self.units > 1 and self.more_figures == 0


def choose_threshold(
    images: Sequence[ScoredImage], resamples: int = RESAMPLES, seed: int = 0
) -> ThresholdChoice:
    """The threshold of the largest pooled F1, averaged in log odds over resamples.

    F1 hardly changes over a wide range of thresholds, so that the largest value lies anywhere in
    it; the mean over resamples (bagging, Breiman 1996) lies in the middle.

    Raises:
        NoProposal: there are no mitotic figures, or none is near a detection.
    """
    pooled = pool(images)
    curve = official_curve(pooled)
    _check(curve)
    drawn = draw([image.slide for image in images], resamples, seed)
    thresholds = best_thresholds(pooled, drawn)
    proposed = _shortest(curve, mean_in_log_odds(thresholds, best_operating_point(curve).threshold))
    loss = _loss(curve, thresholds)
    return ThresholdChoice(
        proposed,
        *percentile_interval(thresholds),
        drawn.unit,
        drawn.units,
        counts_at(curve, proposed),
        Counts(*pooled.official.sum(axis=0)),
        _gain(pooled, proposed, drawn),
        _held_out_f1(pooled, thresholds, drawn),
        loss,
        _more_figures(int(curve.figures), loss),
    )


def best_thresholds(pooled: Pool, drawn: Resamples) -> np.ndarray:
    """(r,) float64: the threshold of the largest F1 in each resample, inf if no figure is found."""
    curves = (official_curve(pooled, weights.astype(float)) for weights in drawn.weights)
    return np.array([_best_threshold(curve) for curve in curves], float)


def _best_threshold(curve: Curve) -> float:
    return best_operating_point(curve).threshold if curve.true_positives.any() else np.inf


def _check(curve: Curve) -> None:
    """Raises NoProposal where no threshold finds a figure."""
    if curve.figures == 0:
        raise NoProposal(
            "the annotated fields contain no mitotic figure; annotate fields with at least "
            f"{FEWEST_FIGURES} of them"
        )
    if len(curve.thresholds) == 0:
        raise NoProposal("nothing was detected in the annotated fields, at any probability")
    if not curve.true_positives.any():
        raise NoProposal(
            f"none of the {curve.figures:.0f} annotated mitotic figures is within 7.5 µm of a "
            "detection, however faint; perhaps the annotations are of other images"
        )


def mean_in_log_odds(thresholds: np.ndarray, otherwise: float) -> float:
    """The mean of the finite thresholds in log odds; `otherwise` without any."""
    finite = thresholds[np.isfinite(thresholds)]
    if len(finite) == 0:
        return otherwise
    return float(expit(logit(np.clip(finite, 1e-7, 1 - 1e-7)).mean()))


def counts_at(curve: Curve, threshold: float) -> Counts:
    """The counts if detections of at least the threshold are positive."""
    above = int(np.count_nonzero(curve.thresholds >= threshold))
    if above == 0:
        return Counts(0, 0, curve.figures)
    found = float(curve.true_positives[above - 1])
    return Counts(found, float(curve.false_positives[above - 1]), curve.figures - found)


def _shortest(curve: Curve, threshold: float) -> float:
    """The threshold with the fewest digits, at least two, that leaves the counts as they are."""
    for digits in range(2, 8):
        rounded = round(threshold, digits)
        if 0 < rounded < 1 and counts_at(curve, rounded) == counts_at(curve, threshold):
            return rounded
    return threshold


def _loss(curve: Curve, thresholds: np.ndarray) -> float:
    finite = thresholds[np.isfinite(thresholds)]
    if len(finite) == 0:
        return math.nan
    best = best_operating_point(curve).counts.f1
    return float(np.mean([best - counts_at(curve, threshold).f1 for threshold in finite]))


def _gain(pooled: Pool, proposed: float, drawn: Resamples) -> Difference:
    """F1 at the proposal minus F1 at the threshold of the results, on paired resamples."""

    def gain(weights: np.ndarray) -> float:
        proposal = counts_at(official_curve(pooled, weights), proposed).f1
        return proposal - Counts(*(weights @ pooled.official)).f1

    replicates = np.array([gain(weights.astype(float)) for weights in drawn.weights])
    return Difference(gain(np.ones(len(pooled.figures))), *percentile_interval(replicates))


def _held_out_f1(pooled: Pool, thresholds: np.ndarray, drawn: Resamples) -> float:
    """The mean F1 of each resample's threshold on the images that it left out."""
    scores = [
        counts_at(official_curve(pooled, (weights == 0).astype(float)), threshold).f1
        for weights, threshold in zip(drawn.weights, thresholds, strict=True)
        if np.isfinite(threshold) and pooled.figures[weights == 0].any()
    ]
    return float(np.nanmean(scores)) if scores else math.nan


def _more_figures(figures: int, loss: float) -> int:
    """How many more figures are needed: F1 is flat at its maximum, so the loss falls as 1 / n."""
    needed = float(FEWEST_FIGURES)
    if math.isfinite(loss):
        needed = max(needed, figures * loss / ACCEPTED_LOSS)
    return max(0, math.ceil(needed) - figures)
