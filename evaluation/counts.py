"""True and false positives and what follows from them.

A ratio without a denominator is nan (null in JSON, "-" in a table): precision without detections,
recall without figures, F1 without both. An image without figures still counts in a pool, through
its false positives.
"""

from typing import Any, NamedTuple

import numpy as np


class Counts(NamedTuple):
    """Counts of one image, or summed over several; not whole numbers if images are weighted."""

    true_positives: float
    false_positives: float
    false_negatives: float

    @property
    def precision(self) -> float:
        return float(ratio(self.true_positives, self.true_positives + self.false_positives))

    @property
    def recall(self) -> float:
        return float(ratio(self.true_positives, self.true_positives + self.false_negatives))

    @property
    def f1(self) -> float:
        """2TP / (2TP + FP + FN)"""
        return float(ratio(2 * self.true_positives, sum(self) + self.true_positives))


def ratio(numerator: Any, denominator: Any) -> np.ndarray:
    """numerator / denominator, elementwise, nan where the denominator is 0."""
    top, bottom = np.broadcast_arrays(np.asarray(numerator, float), np.asarray(denominator, float))
    quotient = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=quotient, where=bottom != 0)
    return quotient
