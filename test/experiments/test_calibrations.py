"""Levels on candidates whose level is known, and the comparison of calibrations by command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from experiments.calibrations import LEVELS, calibrated_rows, main, prior
from model.adaptation.calibration import HALF_TRUSTED, log_odds
from training.virtual_scanners import AS_IT_IS


def odds(count: int = 3000) -> np.ndarray:
    return np.random.default_rng(0).normal(-8, 2, count)


@pytest.mark.parametrize("name", LEVELS)
def test_level_moves_with_the_scores(name: str) -> None:
    """Which is all that a calibration needs of it."""
    assert LEVELS[name](odds() + 2.5) == pytest.approx(LEVELS[name](odds()) + 2.5, abs=1e-6)


def test_prior_meets_the_share_that_was_asked_for() -> None:
    shift = -prior(odds(), share=0.01)
    assert (1 / (1 + np.exp(-(odds() + shift)))).mean() == pytest.approx(0.01, rel=1e-6)


def test_rows_are_shifted_to_a_common_level() -> None:
    fields = [
        {
            "scanner": AS_IT_IS, "image": name, "mpp": [0.25, 0.25],
            "points": (np.arange(6000).reshape(-1, 2) * 100.0).tolist(),
            "probabilities": (1 / (1 + np.exp(-(odds() + move)))).tolist(),
        }
        for name, move in (("a", 0.0), ("b", 3.0))
    ]  # fmt: skip
    rows = {(r["arm"], r["image"]): r for r in calibrated_rows(fields, ["quantile 0.99"])}
    tops = {key: float(log_odds(max(r["probabilities"]))) for key, r in rows.items()}
    assert tops["none", "b"] - tops["none", "a"] == pytest.approx(3, abs=0.01)
    left = 3 * HALF_TRUSTED / (3000 + HALF_TRUSTED)
    between = tops["quantile 0.99", "b"] - tops["quantile 0.99", "a"]
    assert between == pytest.approx(left, abs=0.01)


def test_command_scores_each_field_once(fields_and_weights: list[str]) -> None:
    fields, out, *folders = fields_and_weights
    arguments = [fields, out, *folders, "--levels", "quantile 0.99", "spread"]
    assert main(arguments) == 0
    kept = (Path(out) / "results.jsonl").read_text()
    assert len(kept.splitlines()) == 2
    assert set(json.loads(kept.splitlines()[0])) == {
        *("scanner", "image", "mpp", "points", "probabilities")
    }
    assert main(arguments) == 0
    assert (Path(out) / "results.jsonl").read_text() == kept
    table = (Path(out) / "table.md").read_text()
    assert all(f"| {name} |" in table for name in ("none", "quantile 0.99", "spread"))
