"""Brings the scores of an image to the level of the training's whole fields, without labels.

The log odds of all candidates move up and down together from slide to slide and from scanner to
scanner: where look-alikes score high, mitotic figures do too. In any image 99 of 100 candidates
are not mitotic figures, so the 0.99 quantile of its log odds measures how far the scores have
moved, and they are shifted back:

    shift = n / (n + half_trusted) * (reference - quantile of the log odds below a bound)

Leaving out log odds above the bound keeps the mitotic figures themselves from moving the level,
which they do in small dense fields. The shift is one number for an image, so the ranking within the
image stays as it is. The guard refuses a shift that is uncertain (model/adaptation/guard.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

QUANTILE = 0.99
# The quantile of few candidates is uncertain, and mitotic figures themselves can reach it; at this
# number of candidates half of the shift is taken. A whole field of 0.26 mm² has about 2,600.
HALF_TRUSTED = 500
MIN_COUNTED = 20  # below the bound; of fewer, the quantile is that of all candidates
RESAMPLES = 50  # of the candidates, for the standard error of the shift


@dataclass(frozen=True)
class Calibration:
    """From the card of the weights (training/threshold.py).

    Attributes:
        reference: the usual log odds of the quantile.
        half_trusted: number of candidates at which half of the shift is taken.
        below_log_odds: bound above which log odds are left out of the quantile; None for none.
    """

    reference: float
    half_trusted: float = HALF_TRUSTED
    below_log_odds: float | None = None

    def level(self, odds: np.ndarray) -> float:
        """The quantile of the log odds (n,) of an image's candidates, n > 0."""
        bound = np.inf if self.below_log_odds is None else self.below_log_odds
        counted = odds[odds < bound]
        return float(np.quantile(counted if len(counted) >= MIN_COUNTED else odds, QUANTILE))

    def shift(self, probabilities: np.ndarray) -> float:
        """What to add to the log odds of an image with these probabilities (n,); 0 for none."""
        count = len(probabilities)
        if count == 0:
            return 0.0
        level = self.level(log_odds(probabilities))
        return count / (count + self.half_trusted) * (self.reference - level)

    def standard_error(self, probabilities: np.ndarray, seed: int = 0) -> float:
        """Bootstrap standard error of the shift of probabilities (n,); 0 for none."""
        random = np.random.default_rng(seed)
        shifts = [
            self.shift(random.choice(probabilities, len(probabilities)))
            for _ in range(RESAMPLES if len(probabilities) else 0)
        ]
        return float(np.std(shifts, ddof=1)) if shifts else 0.0


def at_level_of(shipped: np.ndarray, adapted: np.ndarray) -> np.ndarray:
    """The shipped probabilities (n,) in the order of the adapted ones (n,).

    The candidate that scores k-th highest by the adapted network gets the k-th highest shipped
    probability. Training on a bank of confident entries stretches the log odds, so that a threshold
    for the shipped network would not hold for the adapted one.
    """
    levelled = np.empty_like(shipped)
    levelled[np.argsort(-adapted, kind="stable")] = -np.sort(-shipped)
    return levelled


def shifted(probabilities: np.ndarray, shift: float) -> np.ndarray:
    """Probabilities (n,) float32 with a shift added to their log odds."""
    moved: np.ndarray = expit(log_odds(probabilities) + shift).astype(np.float32)
    return moved


def log_odds(probabilities: np.ndarray | float) -> np.ndarray:
    """(n,) float64 log odds of probabilities in 0..1, finite at both ends."""
    clipped = np.clip(np.asarray(probabilities, np.float64), 1e-7, 1 - 1e-7)
    odds: np.ndarray = logit(clipped)
    return odds
