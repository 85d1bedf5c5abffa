"""95 % percentile bootstrap intervals, and paired differences between two runs.

Slides (or cases) are drawn with replacement, because fields of one slide are alike. With fewer than
four slides, fields are drawn: the limits would just be the best and the worst slide (of three
slides, each is drawn three times in 1 of 27 resamples, more than the 2.5 % outside a limit). An
interval over fields is too narrow as a statement about other slides, so the unit is reported.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from evaluation.metrics import summary
from evaluation.pool import Pool

FEWEST_SLIDES = 4
RESAMPLES = 1000
LEVEL = 0.95


class Resamples(NamedTuple):
    """weights (r, n) int: how often each of n images counts in each resample."""

    unit: str  # "slide" or "field"
    units: int
    weights: np.ndarray


class Difference(NamedTuple):
    """A run's value minus another's, with the limits of its interval."""

    value: float
    low: float
    high: float


def draw(slides: Sequence[str | None], resamples: int = RESAMPLES, seed: int = 0) -> Resamples:
    """Draw as many slides (or fields) as there are, with replacement.

    Args:
        slides: slide of each image. If one is unknown (None), fields are drawn.
        resamples: how often. A single slide or field has no spread: weights is then empty, and
            every interval nan.
        seed: of the random numbers.
    """
    by_slide = None not in slides and len(set(slides)) >= FEWEST_SLIDES
    keys = [str(slide) for slide in slides] if by_slide else range(len(slides))
    names, unit_of_image = np.unique(keys, return_inverse=True)
    units = len(names)
    resamples = resamples if units > 1 else 0
    random = np.random.default_rng(seed)
    counts = random.multinomial(units, np.full(units, 1 / units), size=resamples)
    return Resamples("slide" if by_slide else "field", units, counts[:, unit_of_image])


def intervals(pooled: Pool, resamples: Resamples) -> dict[str, tuple[float, float]]:
    """The interval of each value of metrics.summary."""
    values = _replicates(pooled, resamples)
    return {name: percentile_interval(values[name]) for name in values}


def paired_differences(pooled: Pool, other: Pool, resamples: Resamples) -> dict[str, Difference]:
    """pooled minus other for each metric, both drawn from the same images in each resample."""
    here, there = summary(pooled), summary(other)
    ours, theirs = _replicates(pooled, resamples), _replicates(other, resamples)
    return {
        name: Difference(here[name] - there[name], *percentile_interval(ours[name] - theirs[name]))
        for name in here
    }


def percentile_interval(values: np.ndarray) -> tuple[float, float]:
    """The limits that leave 2.5 % of the defined values outside on each side; nan without any."""
    defined = values[np.isfinite(values)]
    if len(defined) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _replicates(pooled: Pool, resamples: Resamples) -> dict[str, np.ndarray]:
    """(r,) float64 for each metric: its value in every resample."""
    rows = [summary(pooled, weights.astype(float)) for weights in resamples.weights]
    return {name: np.array([row[name] for row in rows]) for name in summary(pooled)}
