"""What an adaptation did, in words."""

from __future__ import annotations

from typing import Any

import pytest

from report.words import Described, describe_adaptation, named, valued
from test.report.builders import ACCOUNT, saved

CHECKS = [
    {"name": "accuracy_loss", "value": 0.25, "limit": 0.02, "passed": False, "words": "it fell"},
    {"name": "halves", "value": None, "limit": 2, "passed": True, "words": "they agree"},
]


def described(**adaptation: Any) -> Described:
    return describe_adaptation(saved(adaptation=adaptation).processed)


def test_gradient_reversal() -> None:
    found = described(**ACCOUNT)
    assert found.outcome == "adapted" and "gradient reversal" in found.verdict[0]
    assert ("Log odds shift", "-0.4321") in found.values and ("Drift", "0.12 %") in found.values
    assert [c.title for c in found.curves] == ["Mitosis loss", "Scanner loss"]
    assert found.curves[0].path.count("M") == 2, "a missing value is a gap"
    assert found.curves[0].description.startswith("Mitosis loss over 8 steps: from 0.4 to 0.1")


def test_rejected_and_cut_short() -> None:
    changes = {"fallback": "it collapsed", "steps": 3, "decision": "abstained, it collapsed"}
    found = described(**ACCOUNT | changes)
    assert found.outcome == "rejected"
    assert found.verdict[1] == "The guard left the network unchanged: it collapsed."
    assert found.verdict[-1] == "It ended after 3 of 8 planned steps."


def test_the_guard_of_a_calibration() -> None:
    found = described(name="calibrated", log_odds_shift=1.0)
    assert found.outcome == "adapted" and "guard" not in " ".join(found.verdict)
    found = described(name="calibrated", guard=CHECKS, decision="the scores were calibrated.")
    assert "The guard found no reason" in found.verdict[1]
    assert found.verdict[-1] == "Decision: the scores were calibrated."


def test_nothing_adapted_has_a_reason_and_no_steps() -> None:
    found = described(name="paper", steps=0, planned_steps=9)
    assert found.outcome == "not adapted"
    assert found.verdict[1].endswith("the time budget ran out before the first step.")
    nothing = saved(candidates=0, detections=[], adaptation={"name": "paper"}).processed
    assert describe_adaptation(nothing).verdict[1].endswith("there were no candidates.")
    calibrated = described(name="calibrated", log_odds_shift=1.0)
    assert "Steps" not in [name for name, _ in calibrated.values]


def test_checks_and_layers_are_tables() -> None:
    found = described(name="paper", guard=CHECKS, drift_by_layer={"layer3": 0.001, "layer4": 0.25})
    layers, guard = sorted(found.tables, key=lambda table: table.title)
    assert layers.rows == [["Layer3", "0.10 %"], ["Layer4", "25.00 %"]]
    assert guard.head[:4] == ["Name", "Value", "Limit", "Passed"]
    assert guard.rows[0] == ["Accuracy loss", "0.25", "0.02", "no", "it fell"]
    assert guard.rows[1] == ["Halves", "–", "2", "yes", "they agree"]


@pytest.mark.parametrize(
    ("adaptation", "outcome"),
    [
        ({"name": "none"}, "not adapted"),
        ({"name": "of next year", "decision": "kept", "novel": {"a": [1]}}, "adapted"),
        ({"arm": "tent", "diverged": False, "curve": None}, "adapted"),
        ({"arm": "paper-calibrated", "curve": {"a": []}}, "adapted"),
    ],
)
def test_other_versions(adaptation: dict[str, Any], outcome: str) -> None:
    """An adaptation that is not known is called by its name."""
    adaptation = {key: value for key, value in adaptation.items() if value is not None}
    found = described(**adaptation)
    assert found.outcome == outcome
    assert ("decision" not in adaptation) or "Decision: kept." in found.verdict


def test_an_image_without_candidates() -> None:
    image = saved(candidates=0, detections=[], adaptation={"name": "calibrated"})
    assert describe_adaptation(image.processed).outcome == "not adapted"


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("share", 0.125, "12.50 %"), ("shift", 0.125, "0.125"), ("steps", 1234, "1,234"),
        ("passed", True, "yes"), ("value", None, "–"), ("words", ["a", "b"], "a, b"),
        ("drift", {"layer3": {"0": 0.5}}, "layer3, 0 50.00 %"), ("list", [], "none"),
    ],
)  # fmt: skip
def test_values(key: str, value: object, text: str) -> None:
    assert valued(key, value) == text
    assert named("log_odds_shift") == "Log odds shift"
