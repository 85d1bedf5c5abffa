"""Reliability curve: how many of the candidates with a probability are mitotic figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from scipy.special import expit

from model.adaptation.calibration import log_odds
from training.field_scores import ScoredCandidates
from training.midog_store import within

# Log odds between which candidates are counted together: nearly all candidates lie in the first.
EDGES = (-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0)


class Bin(TypedDict):
    """Candidates between two probabilities.

    predicted and observed: mean probability and share of mitotic figures, each domain counted
    alike; candidates: their number.
    """

    above: float
    below: float
    candidates: int
    predicted: float
    observed: float


def reliability_curve(
    scored: Sequence[ScoredCandidates], probabilities: Sequence[np.ndarray]
) -> list[Bin]:
    """The bins that hold candidates, in ascending order.

    Args:
        scored: images.
        probabilities: (n,) of the candidates of each.
    """
    sizes = Counter[str]()
    for image in scored:
        sizes[image.domain] += len(image.points)
    weights = np.concatenate([np.full(len(i.points), 1 / sizes[i.domain]) for i in scored])
    mitotic = np.concatenate([within(i.points, i.figures, (i.mpp, i.mpp)) for i in scored])
    values = np.concatenate(probabilities).astype(float)
    place = np.digitize(log_odds(values), EDGES)
    limits = [0.0, *expit(EDGES), 1.0]
    curve = []
    for number in np.unique(place):
        here = place == number
        curve.append(
            Bin(
                above=float(limits[number]),
                below=float(limits[number + 1]),
                candidates=int(here.sum()),
                predicted=float(np.average(values[here], weights=weights[here])),
                observed=float(np.average(mitotic[here], weights=weights[here])),
            )
        )
    return curve
