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
    told = tell_adaptation(saved(adaptation=ACCOUNT | {"fallback": "it collapsed", "steps": 3}))
    assert told.outcome == "taken back"
    assert "took it back: it collapsed." in told.verdict[1]
    assert told.verdict[-1] == "It ended after 3 of 8 planned steps."


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
        ({"arm": "x", "names": ["a", "b"], "flags": [True, False], "curve": {"a": []}}, "adapted"),
    ],
)
def test_accounts_of_other_arms(account: dict[str, Any], outcome: str) -> None:
    told = tell_adaptation(saved(adaptation=account))
    assert told.outcome == outcome
    assert ("decision" not in account) or "Decision: kept." in told.verdict
