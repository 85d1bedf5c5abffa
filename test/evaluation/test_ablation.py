"""The command over rendered images: arms scored, an interruption made good, runs kept apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation import ablation
from evaluation.ablation import RESULTS_FILE, SHORT
from evaluation.ablation_table import summarise, write_table
from evaluation.ground_truth import AnnotatedImage
from evaluation.virtual_scanners import AS_IT_IS

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
    ablation.main([arguments[0], arguments[1] + "2", *arguments[2:]])
    steps = []
    for folder in (arguments[1], arguments[1] + "2"):
        rows = [json.loads(line) for line in (Path(folder) / RESULTS_FILE).open()]
        steps.append(
            next(row["adaptation"]["steps"] for row in rows if row["arm"] == "paper-frozen")
        )
    assert steps[0] == max(round(steps[1] / SHORT), 1)


def test_other_settings_need_another_folder(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    ablation.main([*arguments, "--schedule", "short"])
    assert ablation.main(arguments) == 2
    assert "results of other settings" in capsys.readouterr().err


def test_missing_image_is_named(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    (Path(arguments[0]) / "S" / "f2.tif").unlink()
    assert ablation.main(arguments) == 2
    assert "f2.tif is not in" in capsys.readouterr().err


def annotated(stem: str, slide: str) -> AnnotatedImage:
    figures = np.array([[100.0, 100.0], [300.0, 100.0]])
    return AnnotatedImage(
        f"{stem}.tif", figures, np.zeros((0, 2)), (500, 500), (0.25, 0.25), slide, "lab"
    )


def row(stem: str, arm: str, probabilities: list[float], scanner: str = AS_IT_IS) -> dict[str, Any]:
    """Detections at both figures and one that is wrong."""
    return {
        "scanner": scanner, "image": stem, "arm": arm, "seed": 0,
        "points": [[100, 100], [300, 100], [400, 400]], "probabilities": probabilities,
        "seconds": {"adaptation": 1.0}, "adaptation": {"fallback": None},
    }  # fmt: skip


def test_threshold_of_a_slide_comes_from_the_others(tmp_path: Path) -> None:
    """An arm whose scores move from slide to slide loses F1 and keeps its AP within a slide."""
    truth = {stem: annotated(stem, slide) for stem, slide in (("a", "A"), ("b", "B"))}
    rows = [
        row("a", "none", [0.9, 0.8, 0.7]),
        row("b", "none", [0.5, 0.4, 0.3]),
        row("a", "calibrated", [0.9, 0.8, 0.3]),
        row("b", "calibrated", [0.9, 0.8, 0.3]),
    ]
    scores = {score.arm: score for score in summarise(rows, truth)}
    # b at a's 0.8 finds nothing; a at b's 0.4 takes the wrong one too: TP 2, FP 1, FN 2.
    assert scores["none"].values["f1"][0] == pytest.approx(4 / 7)
    assert scores["calibrated"].values["f1"][0] == 1
    assert scores["calibrated"].differences["f1"].value == pytest.approx(3 / 7)
    fixed = {score.arm: score for score in summarise(rows, truth, threshold=0.75)}
    assert fixed["none"].values["f1"][0] == pytest.approx(2 / 3)
    write_table(summarise(rows, truth), tmp_path / "table.md")
    assert "| as it is | calibrated | 1.000 +" in (tmp_path / "table.md").read_text()
