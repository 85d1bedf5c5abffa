"""Accounts of adaptation in words, whatever is in them."""

from __future__ import annotations

from typing import Any

import pytest

from report.words import tell_adaptation
from test.report.builders import ACCOUNT, saved


def test_account_of_the_papers_arm() -> None:
    told = tell_adaptation(saved())
    assert told.outcome == "adapted" and "gradient reversal" in told.verdict[0]
    assert ("Log odds shift", "-0.4321") in told.values and ("Drift", "0.12 %") in told.values
    assert [c.title for c in told.curves] == ["Mitosis loss", "Scanner loss"]
    assert told.curves[0].path.count("M") == 2, "a missing value is a gap"
    assert told.curves[0].description.startswith("Mitosis loss over 8 steps: from 0.4 to 0.1")


def test_taken_back_and_cut_short() -> None:
    taken = ACCOUNT | {
        "fallback": "it collapsed",
        "steps": 3,
        "decision": "abstained, it collapsed",
    }
    told = tell_adaptation(saved(adaptation=taken))
    assert told.outcome == "taken back"
    assert "took it back: it collapsed." in told.verdict[1]
    assert told.verdict[-1] == "It ended after 3 of 8 planned steps."


def test_calibration_has_a_guard_where_it_was_asked() -> None:
    told = tell_adaptation(saved(adaptation={"arm": "calibrated", "log_odds_shift": 1.0}))
    assert told.outcome == "adapted" and "guard" not in " ".join(told.verdict)
    checked = {"arm": "calibrated", "guard": [{"name": "shift", "value": 0.1, "passed": True}]}
    assert "The guard found no reason" in " ".join(
        tell_adaptation(saved(adaptation=checked)).verdict
    )


def test_whatever_the_guard_measures_is_shown() -> None:
    """Numbers by layer or before and after, lists of checks, short and long lists."""
    account = {
        "arm": "paper", "decision": "adapted: all checks passed.",
        "proxy_a_distance": {"before": 1.81234, "after": None},
        "drift": {"layer3": {"0": 0.001, "1": 0.002}, "layer4": 0.25},
        "agreement_of_halves": [0.875, 0.5],
        "checks": [
            {"name": "drift", "value": 0.25, "passed": True},
            {"name": "halves", "value": None, "limit": 2},
        ],
        "distance": [float(n) for n in range(9)], "empty": {}, "words": ["a", "b"],
    }  # fmt: skip
    told = tell_adaptation(saved(adaptation=account))
    assert told.verdict[-1] == "Decision: adapted: all checks passed."
    assert told.values == [("Agreement of halves", "87.50 %, 50.00 %"), ("Words", "a, b")]
    distance, drift, checks, empty = told.tables
    assert distance.rows == [["Before", "1.812"], ["After", "–"]]
    assert drift.rows == [
        ["Layer3, 0", "0.10 %"], ["Layer3, 1", "0.20 %"], ["Layer4", "25.00 %"],
    ]  # fmt: skip
    assert checks.head == ["Name", "Value", "Passed", "Limit"]
    assert checks.rows == [["Drift", "0.25", "yes", "–"], ["Halves", "–", "–", "2"]]
    assert empty.rows == []
    assert told.curves[-1].description.startswith("Distance over 9 values: from 0 to 8")


@pytest.mark.parametrize(
    ("account", "outcome"),
    [
        ({"arm": "none", "fallback": None, "steps": 0}, "not adapted"),
        (
            {"arm": "of next year", "novel": {"a": [1]}, "decision": "kept", "list": [1, 2]},
            "adapted",
        ),
        ({}, "adapted"),
        ({"arm": "tent", "entropy": None, "diverged": False, "curve": None}, "adapted"),
        ({"arm": "x", "planned_steps": "all", "steps": 2, "curve": [1]}, "adapted"),
        ({"arm": "x", "mixed": [{}, 1, [2, None]]}, "adapted"),
        ({"arm": "x", "names": ["a", "b"], "flags": [True, False], "curve": {"a": []}}, "adapted"),
    ],
)
def test_accounts_of_other_arms(account: dict[str, Any], outcome: str) -> None:
    told = tell_adaptation(saved(adaptation=account))
    assert told.outcome == outcome
    assert ("decision" not in account) or "Decision: kept." in told.verdict
