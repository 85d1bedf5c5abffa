"""Scores of arms from rows, derived by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from evaluation.annotated_image import AnnotatedImage
from experiments.ablation_table import table
from experiments.arm_scores import summarise
from training.virtual_scanners import AS_IT_IS


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


def test_threshold_of_a_slide_comes_from_the_others() -> None:
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
    assert "| as it is | calibrated | 1.000 +" in table(summarise(rows, truth))


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


def test_f1_at_the_threshold_of_the_prior() -> None:
    truth = {"a": annotated("a", "A")}
    (score,) = summarise([row("a", "none", [0.9, 0.6, 0.3])], truth, 0.5, prior_threshold=0.8)
    assert score.values["f1"][0] == 1.0
    assert score.values["f1_at_prior"][0] == pytest.approx(2 / 3)
