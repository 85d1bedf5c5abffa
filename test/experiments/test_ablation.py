"""The command over rendered images: arms scored, an interrupted run continued, runs kept apart."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from evaluation.annotated_image import MASK_RADIUS
from experiments import ablation
from experiments.results import RESULTS_FILE
from experiments.schedules import SHORTENING

ARMS = ["none", "calibrated", "adabn", "paper-frozen"]


@pytest.fixture
def arguments(fields_and_weights: list[str]) -> list[str]:
    """The command's, for a few arms."""
    return [*fields_and_weights, "--arms", *ARMS]


def test_interrupted_run_goes_on(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert ablation.main([*arguments, "--schedule", "short", "--seeds", "0", "1"]) == 0
    results = Path(arguments[1]) / RESULTS_FILE
    lines = results.read_text().splitlines(keepends=True)
    assert len(lines) == 2 * (2 + 2 * (len(ARMS) - 2)), "none and calibrated draw nothing"
    assert capsys.readouterr().out.count("\n| as it is | ") == len(ARMS)
    results.write_text("".join(lines[:5]) + lines[5][:40])
    assert ablation.main([*arguments, "--schedule", "short", "--seeds", "0", "1"]) == 0

    def what(line: str) -> dict[str, object]:
        return {k: v for k, v in json.loads(line).items() if k != "seconds"}

    again = results.read_text().splitlines()
    assert [what(line) for line in again] == [what(line) for line in lines]
    assert (Path(arguments[1]) / "figure.png").stat().st_size > 5000


def test_short_schedule_keeps_rate_times_steps(arguments: list[str]) -> None:
    ablation.main([*arguments, "--schedule", "short"])
    ablation.main([arguments[0], arguments[1] + "2", *arguments[2:], "--schedule", "paper"])
    steps = []
    for folder in (arguments[1], arguments[1] + "2"):
        rows = [json.loads(line) for line in (Path(folder) / RESULTS_FILE).open()]
        steps.append(
            next(row["adaptation"]["steps"] for row in rows if row["arm"] == "paper-frozen")
        )
    assert steps[0] == max(round(steps[1] / SHORTENING), 1)


def test_other_settings_need_another_folder(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    short = [*arguments[:6], "--arms", "none", "--schedule", "short"]
    assert ablation.main(short) == 0
    assert ablation.main([*short, "--unguarded"]) == 2
    assert "results of other settings" in capsys.readouterr().err


def test_missing_image_is_named(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    (Path(arguments[0]) / "S" / "f2.tif").unlink()
    assert ablation.main(arguments) == 2
    assert "f2.tif is not in" in capsys.readouterr().err


def test_candidates_on_painted_figures_are_left_out(arguments: list[str]) -> None:
    folder = Path(arguments[0])
    truth = json.loads((folder / "ground_truth.json").read_text())
    arguments = [*arguments[:6], "--arms", "none"]
    assert ablation.main(arguments) == 0
    painted = [a | {"category_id": 3} for a in truth["annotations"]]
    (folder / "ground_truth.json").write_text(json.dumps(truth | {"annotations": painted}))
    assert ablation.main([arguments[0], arguments[1] + "2", *arguments[2:]]) == 0
    for number, (before, after) in enumerate(
        zip(*(_points(arguments[1] + end) for end in ("", "2")), strict=True), start=1
    ):
        (box,) = (a["bbox"] for a in truth["annotations"] if a["image_id"] == number)
        centre = np.reshape(box, (2, 2)).mean(axis=0)
        near = [np.linalg.norm(p - centre, axis=1).min() <= MASK_RADIUS for p in (before, after)]
        assert near == [True, False]


def _points(out: str) -> list[np.ndarray]:
    lines = (Path(out) / RESULTS_FILE).read_text().splitlines()
    return [np.array(json.loads(line)["points"]).reshape(-1, 2) for line in lines]
