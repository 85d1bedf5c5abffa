"""The reliability curve counts each domain alike."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from training.field_scores import ScoredCandidates
from training.reliability import reliability_curve


def image(domain: str, odds: list[float], figures: list[int]) -> ScoredCandidates:
    """Candidates 100 px apart; figures lie on those with these numbers."""
    points = np.stack([100.0 * np.arange(len(odds)), np.zeros(len(odds))], axis=1)
    probabilities = expit(np.array(odds)).astype(np.float32)
    return ScoredCandidates(
        domain, domain, domain, points, probabilities, points[figures], 0.25, (1000, 10)
    )


def test_shares_of_mitotic_figures_by_probability() -> None:
    one = image("a", [-9, -8, -7, 1, 1, 3], [3, 5])
    low, middle, high = reliability_curve([one], [one.probabilities])
    assert (low["candidates"], low["observed"], low["above"]) == (3, 0, 0)
    assert (middle["candidates"], middle["observed"]) == (2, 0.5)
    assert middle["predicted"] == pytest.approx(expit(1)) and middle["below"] < high["below"]
    assert (high["candidates"], high["observed"]) == (1, 1)


def test_a_large_domain_counts_no_more_than_a_small_one() -> None:
    small, large = image("a", [1, 1], [0, 1]), image("b", [1] * 50, [])
    (found,) = reliability_curve([small, large], [small.probabilities, large.probabilities])
    assert found["candidates"] == 52 and found["observed"] == pytest.approx(0.5)
