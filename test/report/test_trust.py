"""Signs that a result needs a closer look."""

from __future__ import annotations

import pytest

from report.trust import counts, signs
from test.report.builders import saved


def with_probabilities(*pairs: tuple[float, float]) -> list[dict[str, float]]:
    return [
        {"probability": p, "probability_without_adaptation": b, "x": 0, "y": 0} for p, b in pairs
    ]


def test_counts_as_the_odds_move() -> None:
    found = counts(saved(threshold=0.5))
    assert [c.threshold for c in found] == pytest.approx([1 / 6, 1 / 3, 0.5, 2 / 3, 5 / 6])
    assert [c.figures for c in found] == [5, 4, 4, 4, 3]


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_thresholds_at_the_ends(threshold: float) -> None:
    assert counts(saved(threshold=threshold))[2].figures == (6 if threshold == 0 else 0)


def test_no_sign() -> None:
    assert signs(saved(detections=with_probabilities((0.999, 0.999), (0.01, 0.01)))) == []


def test_signs() -> None:
    close = with_probabilities(*[(0.81, 0.7)] * 6)
    depends, changed = signs(saved(detections=close))
    assert depends.startswith("The count depends strongly on the threshold: 0 to 6 ")
    assert changed.startswith("The adaptation changed the count: 6 with it, 0 without it (of ")
    assert signs(saved(detections=[], verdict={"usable": False, "reasons": ["blurred"]})) == [
        "blurred"
    ]
    assert signs(saved(detections=[], warnings=["no candidate found"])) == ["no candidate found"]
