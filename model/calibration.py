"""Brings the scores of an image to the level of the training's whole fields, without labels.

The log odds of all candidates move up and down together from slide to slide and from scanner to
scanner: where look-alikes score high, mitotic figures do too. Of the candidates 99 in 100 are no
mitotic figures anywhere, so the 0.99 quantile of an image's log odds tells how far its scores have
moved, and the image is shifted back:

    shift = n / (n + HALF_TRUSTED) * (reference - quantile of the n log odds)

One number an image: the ranking within the image stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit

QUANTILE = 0.99
# The quantile of few candidates is uncertain, and mitotic figures themselves can reach it; at this
# number of candidates half of the shift is taken. A whole field of 0.26 mm² has about 2,600.
HALF_TRUSTED = 500
# A larger shift than any seen on slides and virtual scanners (4.5, on a much darker stain): the
# image is of another kind, and its scores are left alone.
MAX_SHIFT = 6.0


@dataclass(frozen=True)
class Calibration:
    """From the card of the weights (training/threshold.py).

    Attributes:
        reference: the usual log odds of the quantile.
    """

    reference: float

    def shift(self, probabilities: np.ndarray) -> float:
        """What to add to the log odds of an image with these probabilities (n,); 0 for none."""
        count = len(probabilities)
        if count == 0:
            return 0.0
        level = float(np.quantile(log_odds(probabilities), QUANTILE))
        return count / (count + HALF_TRUSTED) * (self.reference - level)

    def apply(self, probabilities: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
        """Probabilities (n,) float32 after the shift, and the account of it."""
        shift = self.shift(probabilities)
        if abs(shift) > MAX_SHIFT:
            reason = (
                f"scores not calibrated: a shift of {shift:+.1f} in log odds is more than the "
                f"{MAX_SHIFT:g} that slides and scanners differ by"
            )
            return probabilities, {"log_odds_shift": 0.0, "fallback": reason}
        calibrated = expit(log_odds(probabilities) + shift).astype(np.float32)
        return calibrated, {"log_odds_shift": round(shift, 4)}


def log_odds(probabilities: np.ndarray | float) -> np.ndarray:
    """(n,) float64 log odds of probabilities in 0..1, finite at both ends."""
    clipped = np.clip(np.asarray(probabilities, np.float64), 1e-7, 1 - 1e-7)
    odds: np.ndarray = logit(clipped)
    return odds
