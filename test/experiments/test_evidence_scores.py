"""The evidence of arms on a set, derived by hand."""

from __future__ import annotations

from typing import Any

import pytest

from experiments.arms import Trial
from experiments.evidence_scores import (
    ScoredRows,
    complete_rows,
    differences,
    score_arm,
)
from test.experiments.test_arm_scores import annotated, row

REVERSAL, CONTROL = "gradient-reversal", "gradient-reversal-control"


def result(image: str, arm: str, third: float, seed: int = 0, **adaptation: Any) -> dict[str, Any]:
    """Both figures found with 0.9 and 0.8, and a false positive with another probability."""
    found = row(image, arm, [0.9, 0.8, third]) | {"seed": seed, "schedule": "shipped"}
    return found | {"adaptation": {"fallback": None} | adaptation}


def scored(rows: list[dict[str, Any]]) -> ScoredRows:
    truth = {name: annotated(name, name) for name in "abcd"}
    return ScoredRows(rows, rows, truth, threshold=0.5)


def test_only_images_with_every_wanted_result_count() -> None:
    wanted = [Trial("none"), Trial(REVERSAL, 0), Trial(REVERSAL, 1)]
    rows = [
        *(result("a", "none", 0.1), result("a", REVERSAL, 0.1), result("a", REVERSAL, 0.1, 1)),
        *(result("b", "none", 0.1), result("b", REVERSAL, 0.1)),
        result("a", "paper", 0.1),
    ]
    assert complete_rows(rows, wanted) == rows[:3]
    assert complete_rows(rows, wanted[:2]) == [rows[0], rows[1], rows[3], rows[4]]


def test_values_and_paired_differences() -> None:
    rows = [result(image, "none", 0.7) for image in "ab"]
    rows += [result(image, CONTROL, third) for image, third in (("a", 0.7), ("b", 0.1))]
    rows += [result("a", REVERSAL, 0.1), result("b", REVERSAL, 0.1, fallback="refused")]
    arms = ["none", CONTROL, REVERSAL]
    found = {arm: score_arm(arm, scored(rows), arms) for arm in arms}
    # TP 4, FP 2 and 1; F1 8/10, 8/9 and 1.
    assert [found[arm].values["f1"].value for arm in arms] == [
        pytest.approx(value, abs=1e-4) for value in (0.8, 8 / 9, 1.0)
    ]
    assert found["none"].to_none == {} and found[CONTROL].to_control == {}
    assert found[REVERSAL].to_none["f1"].value == pytest.approx(0.2, abs=1e-4)
    assert found[REVERSAL].to_control["f1"].value == pytest.approx(1 / 9, abs=1e-4)
    # Each resample draws a, b or both: the control differs on b alone, F1 4/4 against 4/5 there.
    low, high = found[CONTROL].to_none["f1"][1:]
    assert low == pytest.approx(0.0, abs=1e-4) and high == pytest.approx(0.2, abs=1e-4)
    assert found[REVERSAL].adapted == 0.5 and found[CONTROL].adapted == 1.0
    # Two false positives on two fields of 500 x 500 px of 0.25 µm.
    density = 2 / (2 * (500 * 0.25e-3) ** 2)
    assert found["none"].values["density"].value == pytest.approx(density)
    assert found["none"].best_log_odds == pytest.approx(1.386, abs=1e-3), "0.8"


def test_an_arm_with_seeds_is_compared_with_one_without() -> None:
    rows = [result(image, "none", 0.7) for image in "ab"]
    for seed, third in ((0, 0.7), (1, 0.1)):
        rows += [result(image, REVERSAL, third, seed) for image in "ab"]
    both = scored(rows)
    assert (both.seeds("none"), both.seeds(REVERSAL), both.figures) == (1, 2, 4)
    # Pooled over both seeds TP 8, FP 2: 16/18 against 8/10.
    change = differences(both, REVERSAL, both, "none")
    assert change["f1"].value == pytest.approx(16 / 18 - 0.8, abs=1e-4)
    assert change["ap"].value == pytest.approx(0, abs=1e-4)
