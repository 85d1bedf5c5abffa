"""The rule by which a threshold is chosen: every domain counts alike.

A domain's F1 at a threshold is divided by its largest F1; the threshold with the largest mean over
the domains is chosen. So no laboratory decides because it has more images, or easier ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy.special import expit

from evaluation.bootstrap import draw
from evaluation.metrics import best_operating_point, official_curve, pool, summary
from evaluation.pool import Pool
from evaluation.scored_image import ScoredImage
from model.adaptation.calibration import log_odds

RULE = (
    "largest mean over the domains of F1 by the domain's largest F1; mean of its log odds over "
    "resamples of the images of each domain"
)
GRID = np.arange(-10, 16, 0.05)  # log odds
RESAMPLES = 200


def by_domain(images: Iterable[ScoredImage]) -> dict[str, list[ScoredImage]]:
    """The images of each domain that has mitotic figures, by its name."""
    groups: dict[str, list[ScoredImage]] = defaultdict(list)
    for image in images:
        groups[image.domain].append(image)
    figures = {name: sum(len(i.figures) for i in group) for name, group in groups.items()}
    return {name: groups[name] for name in sorted(groups) if figures[name]}


def choose(images: Iterable[ScoredImage], resamples: int = RESAMPLES) -> float:
    """The threshold, a probability.

    F1 hardly changes over a wide range of thresholds, so its very largest value may lie anywhere
    in that range; the mean over resamples (bagging, Breiman 1996) lies in the middle.

    Raises:
        ValueError: no domain has a mitotic figure.
    """
    groups = by_domain(images)
    if not groups:
        raise ValueError("no domain has a mitotic figure: a threshold cannot be chosen")
    total = np.zeros((resamples, len(GRID)))
    for group in groups.values():
        pooled = pool(group)
        weights = draw([None] * len(group), resamples).weights
        if len(weights) == 0:  # a single image
            total += relative_f1(pooled, np.ones(1))
            continue
        total += np.array([relative_f1(pooled, w.astype(float)) for w in weights])
    return float(expit(np.mean([_middle_of_largest(row) for row in total])))


def relative_f1(pooled: Pool, weights: np.ndarray) -> np.ndarray:
    """(len(GRID),) F1 at each threshold by the largest F1; zeros if it is never above 0."""
    curve = official_curve(pooled, weights)
    f1 = np.append(0.0, np.nan_to_num(curve.f1))
    detected = np.searchsorted(-log_odds(curve.thresholds), -GRID, side="right")
    at_grid = f1[detected]
    largest = at_grid.max()
    return np.asarray(at_grid / largest if largest > 0 else at_grid)


def describe(images: Iterable[ScoredImage], threshold: float) -> dict[str, Any]:
    """What a threshold gives in each domain, and its mean F1 by the largest F1."""
    rows = {}
    for name, group in by_domain(images).items():
        found = summary(pool([image._replace(threshold=threshold) for image in group]))
        best = best_operating_point(official_curve(pool(group)))
        rows[name] = {
            "images": len(group),
            "figures": sum(len(image.figures) for image in group),
            "f1": found["f1"],
            "ap": found["ap"],
            "best_f1": best.counts.f1,
            "best_threshold": best.threshold,
        }
    reached = [row["f1"] / row["best_f1"] for row in rows.values() if row["best_f1"] > 0]
    return {
        "f1": float(np.mean([row["f1"] for row in rows.values()])),
        "ap": float(np.mean([row["ap"] for row in rows.values()])),
        "f1_by_best_f1": float(np.mean(reached)) if reached else 0.0,
        "by_domain": rows,
    }


def _middle_of_largest(values: np.ndarray) -> float:
    """Mean log odds of the thresholds at which the values are largest."""
    return float(GRID[values >= values.max() - 1e-9].mean())
