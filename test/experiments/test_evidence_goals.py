"""Goals from evidence whose numbers are known."""

from __future__ import annotations

import pytest

from experiments.evidence_goals import Goal, Measured, goals, shown
from experiments.evidence_scores import ArmEvidence, Estimate, SetEvidence
from experiments.evidence_sets import A03, SELECTION, UNSEEN
from experiments.evidence_table import report
from model.adaptation.registry import DEFAULT_ADAPTATION


def arm(
    f1: float,
    best_f1: float = 0.8,
    ap: float = 0.8,
    change: tuple[float, float, float] = (0.1, 0.0, 0.2),
    odds: float = 3.0,
    seconds: float = 4.0,
) -> ArmEvidence:
    def estimate(value: float) -> Estimate:
        return Estimate(value, value - 0.1, value + 0.1)

    values = {"ap": ap, "best_f1": best_f1, "f1": f1, "density": 2.0}
    differences = {"ap": estimate(0.0), "f1": Estimate(*change)}
    return ArmEvidence(
        values={name: estimate(value) for name, value in values.items()},
        to_none=differences,
        to_control=differences,
        best_log_odds=odds,
        adapted=1.0,
        seconds=seconds,
    )


def evidence(
    name: str, default: ArmEvidence, figures: int = 50, baseline: float | None = 0.08
) -> SetEvidence:
    change = {} if baseline is None else {"f1": Estimate(baseline, 0.0, 0.2)}
    none = arm(0.5).model_copy(update={"to_none": {}, "to_control": {}})
    return SetEvidence(
        name=name,
        images=3,
        planned=4,
        figures=figures,
        arms={"none": none, DEFAULT_ADAPTATION: default},
        to_baseline=change,
    )


def found(*sets: SetEvidence, large: float | None = None) -> list[Goal]:
    return goals(Measured(sets, None, large))


def test_every_goal_that_is_met() -> None:
    sets = (
        evidence(SELECTION, arm(0.8, odds=3.0, seconds=2.0)),
        evidence(A03, arm(0.72, odds=4.0)),
        evidence(UNSEEN, arm(0.8, ap=0.75, odds=9.0), figures=12, baseline=None),
    )
    ratio, baseline, harm, reversal, ap, unseen, level, field, large = found(*sets, large=30.0)
    assert ratio.value == "0.967" and ratio.met, "the mean of 1, 0.9 and 1"
    assert baseline.value == "+0.080" and baseline.met and "2 sets" in baseline.name
    assert harm.value == "wholly below: none; means below 0: none" and harm.met
    assert reversal.met is None and reversal.value == "-"
    assert ap.value == "0.800 [0.70, 0.90]" and ap.met
    assert unseen.value == "0.750 [0.65, 0.85]" and unseen.met is None
    assert level.value == "0.707" and level.met, (
        "log odds 3 and 4; the set with 12 figures is left out"
    )
    assert field.value == "3.0" and field.met and large.value == "30.0" and large.met


def test_every_goal_that_is_missed() -> None:
    sets = (
        evidence(SELECTION, arm(0.4, change=(-0.2, -0.3, -0.1), odds=1.0, seconds=20.0)),
        evidence(A03, arm(0.4, change=(-0.01, -0.1, 0.1), odds=3.0, seconds=20.0)),
    )
    ratio, baseline, harm, _, _, _, level, field, large = found(*sets, large=50.0)
    assert [goal.met for goal in (ratio, harm, level, field, large)] == [False] * 5
    assert baseline.met
    assert harm.value == f"wholly below: {SELECTION}; means below 0: {SELECTION}, {A03}"


def test_what_was_not_measured_is_open() -> None:
    for goal in found():
        assert goal.met is None and goal.value == "-", goal.name


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (Estimate(0.5, 0.25, 0.75), "0.500 [0.25, 0.75]"),
        (Estimate(0.5, None, None), "0.500"),
        (Estimate(None, None, None), "-"),
    ],
)
def test_estimates_in_words(estimate: Estimate, words: str) -> None:
    assert shown(estimate) == words
    assert shown(Estimate(0.1, -0.1, 0.3), "+.3f") == "+0.100 [-0.10, +0.30]"


def test_report_has_a_line_for_each_goal_and_arm() -> None:
    sets = [evidence(A03, arm(0.7))]
    text = report("Evidence", found(*sets), sets)
    assert "| AP on A03 without adaptation | >= 0.79 | >= 0.84 | 0.800 [0.70, 0.90] | yes |" in text
    assert "3 of 4 images so far, 50 figures" in text
    line = f"| {DEFAULT_ADAPTATION} | 0.800 [0.70, 0.90] | 0.800 [0.70, 0.90] | 0.700 [0.60, 0.80] "
    assert line + "| +0.100 [+0.00, +0.20] |" in text
    assert f"{DEFAULT_ADAPTATION} against the baseline's none: F1 +0.080" in text
