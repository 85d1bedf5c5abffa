"""Every domain counts alike when a threshold is chosen."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logit

from evaluation.metrics import pool
from evaluation.scored_image import ScoredImage
from training.threshold_rule import GRID, by_domain, choose, describe, relative_f1

PLACES = 100.0 * np.arange(1, 9)


def image(domain: str, probabilities: list[float], figures: list[int]) -> ScoredImage:
    """Detections far apart; figures are those with these numbers."""
    points = np.stack([PLACES, np.zeros(8)], axis=1)
    detected = points[: len(probabilities)]
    return ScoredImage(
        domain, detected, np.array(probabilities), points[figures], (0.25, 0.25), domain=domain
    )


def test_it_is_the_middle_of_the_thresholds_that_are_best() -> None:
    """Figures at 0.9 and 0.6, look-alikes at 0.7 and 0.3: from 0.3 to 0.6 F1 is 4/5."""
    one = image("a", [0.9, 0.7, 0.6, 0.3], [0, 2])
    assert logit(choose([one])) == pytest.approx((logit(0.3) + logit(0.6)) / 2, abs=0.05)


def test_relative_f1_by_hand() -> None:
    """Above 0.7 F1 is 2/3, the largest is 4/5; above 0.9 nothing is detected."""
    row = relative_f1(pool([image("a", [0.9, 0.7, 0.6, 0.3], [0, 2])]), np.ones(1))
    for threshold, expected in ((0.95, 0), (0.8, (2 / 3) / 0.8), (0.65, 0.5 / 0.8), (0.5, 1)):
        place = int(np.argmin(abs(GRID - logit(threshold))))
        assert row[place] == pytest.approx(expected)


def test_a_domain_with_many_images_does_not_decide() -> None:
    """A: figure at 0.5, look-alike at 0.4. B: figures at 0.9, 0.45, look-alikes at 0.85 to 0.55.
    Pooled, ten images of A would choose 0.45 to 0.5; for B alone any threshold above 0.85."""
    a = image("a", [0.5, 0.4], [0])
    b = image("b", [0.9, 0.85, 0.8, 0.75, 0.7], [0])
    few, many = choose([a, b]), choose([*[a] * 10, b])
    assert few == pytest.approx(many, rel=0.01)


def test_a_domain_without_figures_has_no_say() -> None:
    empty = image("c", [0.9, 0.8], [])
    one = image("a", [0.9, 0.7, 0.6, 0.3], [0, 2])
    assert choose([one, empty]) == choose([one]) and list(by_domain([one, empty])) == ["a"]
    with pytest.raises(ValueError, match="no domain has a mitotic figure"):
        choose([empty])


def test_it_lies_between_those_of_the_resamples() -> None:
    """Two images of a domain whose best thresholds are 0.5 and 0.9; both together have 0.5."""
    low, high = image("a", [0.5, 0.4], [0]), image("a", [0.9, 0.85], [0])
    both = choose([low, high])
    assert 0.45 < both < 0.9 and both > choose([low])


def test_each_domain_is_described_beside_its_best() -> None:
    found = describe([image("a", [0.9, 0.7, 0.6], [0, 2]), image("b", [0.9, 0.8], [1])], 0.85)
    rows = found["by_domain"]
    assert rows["a"]["f1"] == pytest.approx(2 / 3) and rows["a"]["best_f1"] == pytest.approx(0.8)
    assert rows["b"]["f1"] == 0 and rows["b"]["best_threshold"] == pytest.approx(0.8)
    assert found["f1"] == pytest.approx(1 / 3)
    assert found["f1_by_best_f1"] == pytest.approx((2 / 3) / 0.8 / 2)
