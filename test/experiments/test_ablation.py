"""The command over rendered images: arms scored, an interruption made good, runs kept apart."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.ground_truth import MASK_RADIUS, AnnotatedImage
from experiments import ablation
from experiments.ablation import RESULTS_FILE, SHORT, prior_threshold
from experiments.ablation_table import summarise, write_table
from model.weights import Card
from training.virtual_scanners import AS_IT_IS

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
    short = [*arguments[:6], "--arms", "none", "--schedule", "short"]
    assert ablation.main(short) == 0
    assert ablation.main([*short, "--unguarded"]) == 2
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
    assert fixed["none"].values["density"][0] == 0 < scores["none"].values["density"][0]
    write_table(summarise(rows, truth), tmp_path / "table.md")
    assert "| as it is | calibrated | 1.000 +" in (tmp_path / "table.md").read_text()


def test_tissue_and_not_slide_keeps_a_threshold_fair() -> None:
    """The same tissue on another scanner has no say, and slides without figures are counted."""
    truth = {"a": annotated("a", "A"), "b": annotated("b", "B")}
    truth["h"] = annotated("h", "H")._replace(
        figures=np.zeros((0, 2)), tissue="A", domain="other lab"
    )
    rows = [
        row("a", "none", [0.9, 0.8, 0.7]),
        row("b", "none", [0.5, 0.4, 0.3]),
        row("h", "none", [0.6, 0.45, 0.35]),
    ]
    scores = {score.group: score for score in summarise(rows, truth)}
    assert set(scores) == {"lab", "other lab"}, "without figures it is in no pool"
    # The threshold for H is that of B alone, 0.4: two detections on 500 x 500 px of 0.25 µm.
    density = 2 / (500 * 0.25e-3) ** 2
    assert scores["other lab"].values["density"][0] == pytest.approx(density)
    assert np.isnan(scores["other lab"].values["ap"][0])


def test_seeds_have_a_spread_and_schedules_a_row_each() -> None:
    truth = {"a": annotated("a", "A")}
    rows = [row("a", "none", [0.9, 0.8, 0.3])]
    for seed, third in ((0, 0.2), (1, 0.85), (2, 0.95)):
        rows.append(row("a", "dann", [0.9, 0.8, third]) | {"seed": seed})
    (score,) = (s for s in summarise(rows, truth, threshold=0.5) if s.arm == "dann")
    f1 = [1.0, 0.8, 0.8]
    assert score.spread["f1"] == pytest.approx(float(np.std(f1, ddof=1)))
    assert score.images == 1 and score.figures == 2
    assert score.values["f1"][0] == pytest.approx(2 * 6 / (8 + 6)), "counts are pooled"
    rows = [
        rows[0],
        *(
            row("a", "paper", [0.9, 0.8, p]) | {"schedule": s}
            for s, p in (("paper", 0.1), ("short", 0.9))
        ),
    ]
    arms = [s.arm for s in summarise(rows, truth, threshold=0.5)]
    assert arms == ["none", "paper, paper schedule", "paper, short schedule"]


def test_gain_is_that_of_the_images_that_were_adapted_to() -> None:
    truth = {stem: annotated(stem, stem) for stem in "ab"}
    rows = [
        row("a", "none", [0.9, 0.4, 0.3]), row("b", "none", [0.9, 0.8, 0.3]),
        row("a", "dann", [0.9, 0.8, 0.3]), row("b", "dann", [0.9, 0.8, 0.3]),
    ]  # fmt: skip
    rows[3]["adaptation"] = {"fallback": "not settled"}
    scores = {score.arm: score for score in summarise(rows, truth, threshold=0.5)}
    assert scores["dann"].adapted == 0.5
    assert scores["dann"].gain == pytest.approx(1 - 2 / 3)
    assert np.isnan(scores["none"].gain)


def test_threshold_corrected_to_the_prior() -> None:
    def card(share: float) -> Card:
        training = [{}, {"recipe": {"mixture": {"mitotic": share}}}]
        return Card([], 0.5, 0.1, "", None, "default", {"training": training})

    assert prior_threshold(card(0.3), 0.3) == pytest.approx(0.5)
    # 0.3 / 0.7 over 0.002 / 0.998 is 213.9.
    assert prior_threshold(card(0.3), 0.002) == pytest.approx(213.857 / 214.857, abs=1e-5)
    assert prior_threshold(replace(card(0.3), values={}), 0.1) is None
    truth = {"a": annotated("a", "A")}
    (score,) = summarise([row("a", "none", [0.9, 0.6, 0.3])], truth, 0.5, prior_threshold=0.8)
    assert score.values["f1"][0] == 1.0
    assert score.values["f1_at_prior"][0] == pytest.approx(2 / 3)


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
