"""Harmful adaptations and others, as each check sees them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from experiments.guard_limits import main, outcomes_of, table
from test.experiments.test_arm_scores import annotated
from training.virtual_scanners import AS_IT_IS


def row(arm: str, hit: float, loss: float | None) -> dict[str, Any]:
    """The figure at x = 100 with a probability, beside a false positive of 0.5."""
    guard = [
        {
            "name": "accuracy_loss",
            "value": loss,
            "limit": 0.02,
            "passed": (loss or 0) <= 0.02,
            "words": "",
        },
        {"name": "candidates", "value": 900, "limit": 64, "passed": True, "words": ""},
    ]
    return {
        "scanner": AS_IT_IS, "image": "a", "arm": arm, "seed": 0,
        "points": [[100, 100], [300, 100], [400, 400]], "probabilities": [hit, 0.9, 0.5],
        "seconds": {"adaptation": 1.0},
        "adaptation": {"fallback": None, "guard": [] if loss is None else guard},
    }  # fmt: skip


ROWS = [
    *(row("none", 0.9, None), row("good", 0.9, 0.0)),
    *(row("bad", 0.1, 0.05), row("bad", 0.1, 0.01)),
]


def test_harm_is_a_loss_of_average_precision() -> None:
    outcomes = outcomes_of(ROWS, {"a": annotated("a", "A")})
    # With the false positive between the figures precision falls to 2/3 at the second.
    assert [j.change for j in outcomes] == [0.0, pytest.approx(-1 / 6), pytest.approx(-1 / 6)]
    lines = table(outcomes).splitlines()
    values = "0.03 [0.012, 0.048] | 0 [0, 0] | 1.00 | 1 of 2 | 0 of 1 |"
    assert f"| accuracy_loss | 0.02 | {values}" in lines
    assert any(line.startswith("| candidates | 64 |") and "| 0.50 |" in line for line in lines)
    assert "| all | | | | | 1 of 2 | 0 of 1 |" in lines
    assert "bad: 1 of 2 adapted, there -0.167" in lines
    assert "3 adaptations, 2 of them harmful." in table(outcomes)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = {"id": 1, "file_name": "a.tif", "width": 500, "height": 500, "mpp": 0.25}
    boxes = [{"image_id": 1, "category_id": 1, "bbox": [x - 5, 95, x + 5, 105]} for x in (100, 300)]
    truth = {"images": [image], "annotations": boxes}
    (tmp_path / "ground_truth.json").write_text(json.dumps(truth))
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(r) + "\n" for r in ROWS))
    assert main([str(tmp_path), str(tmp_path)]) == 0
    assert "| accuracy_loss |" in capsys.readouterr().out
    (tmp_path / "results.jsonl").write_text(json.dumps(ROWS[0]) + "\n")
    assert main([str(tmp_path), str(tmp_path)]) == 2
    assert "no adaptation with a guard's checks" in capsys.readouterr().err
