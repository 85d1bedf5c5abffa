"""The threshold that corrects the training's share of mitotic figures to that of candidates."""

from __future__ import annotations

from scipy.special import expit

from model.adaptation.calibration import log_odds
from model.card import Card
from training.threshold import CANDIDATE_SHARE


def prior_threshold(card: Card, prior: float = CANDIDATE_SHARE) -> float | None:
    """Probability from which a candidate is more likely mitotic than not at a prior.

    A network trained on batches with a share p returns the odds of that share; where the prior is q
    a probability of one half lies at the log odds log(p / (1 - p)) - log(q / (1 - q)) (Elkan 2001).
    None where the card does not state the share.
    """
    try:
        share = card.values["training"][-1]["recipe"]["mixture"]["mitotic"]
    except (KeyError, IndexError, TypeError):
        return None
    return float(expit(log_odds(share) - log_odds(prior)))
