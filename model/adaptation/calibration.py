"""Brings the scores of an image to the level of the training's whole fields, without labels.

The log odds of all candidates move up and down together from slide to slide and from scanner to
scanner: where look-alikes score high, mitotic figures do too. In any image 99 of 100 candidates
are not mitotic figures, so the 0.99 quantile of its log odds measures how far the scores have
moved, and they are shifted back:

    shift = n / (n + HALF_TRUSTED) * (reference - quantile of the n log odds)

It is one number for an image, so the ranking within the image stays as it is. The guard refuses a
shift on which two halves of the candidates disagree (model/adaptation/guard.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

QUANTILE = 0.99
# The quantile of few candidates is uncertain, and mitotic figures themselves can reach it; at this
# number of candidates half of the shift is taken. A whole field of 0.26 mm² has about 2,600.
HALF_TRUSTED = 500


@dataclass(frozen=True)
class Calibration:
    """From the card of the weights (training/threshold.py).

    Attributes:
        reference: the usual log odds of the quantile.
        half_trusted: number of candidates at which half of the shift is taken.
    """

    reference: float
    half_trusted: float = HALF_TRUSTED

    def level(self, odds: np.ndarray) -> float:
        """The quantile of the log odds (n,) of an image's candidates, n > 0."""
        return float(np.quantile(odds, QUANTILE))

    def shift(self, probabilities: np.ndarray) -> float:
        """What to add to the log odds of an image with these probabilities (n,); 0 for none."""
        count = len(probabilities)
        if count == 0:
            return 0.0
        level = self.level(log_odds(probabilities))
        return count / (count + self.half_trusted) * (self.reference - level)


def shifted(probabilities: np.ndarray, shift: float) -> np.ndarray:
    """Probabilities (n,) float32 with a shift added to their log odds."""
    moved: np.ndarray = expit(log_odds(probabilities) + shift).astype(np.float32)
    return moved


def log_odds(probabilities: np.ndarray | float) -> np.ndarray:
    """(n,) float64 log odds of probabilities in 0..1, finite at both ends."""
    clipped = np.clip(np.asarray(probabilities, np.float64), 1e-7, 1 - 1e-7)
    odds: np.ndarray = logit(clipped)
    return odds
