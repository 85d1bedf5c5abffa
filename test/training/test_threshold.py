"""The threshold: each slide scored by the network that has not seen it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import logit

from evaluation.scored_image import ScoredImage
from training import threshold
from training.samples import SourceImage


def test_a_fold_scores_the_slide_it_left_out(
    data: Path, runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "threshold.json"
    assert threshold.main([str(data), str(runs["fold"]), "--json", str(file)]) == 0
    chosen = json.loads(file.read_text())
    assert chosen["slides"] == list(chosen["calibrated"]["by_slide"]) == ["A01"]
    assert chosen["figures"] == 1 and 0 <= chosen["threshold"] <= 1
    assert capsys.readouterr().out.startswith(f"threshold {chosen['threshold']:.4f} on 1 figures")


def test_it_maximises_the_pooled_f1(
    data: Path, runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two figures found at 0.9 and 0.6, look-alikes at 0.7 and 0.3: from 0.6 on F1 is 4/5."""

    def scored(
        _: object, images: list[SourceImage], *__: object
    ) -> tuple[list[ScoredImage], list[ScoredImage]]:
        points = np.array([[100.0, 0], [300, 0], [500, 0], [700, 0]])
        plain, calibrated = np.array([0.9, 0.7, 0.6, 0.3]), np.array([0.5, 0.3, 0.2, 0.1])
        figures, file = points[[0, 2]], images[0].file
        return tuple(
            [ScoredImage(file, points, p, figures, (0.25, 0.25), slide="A01")]
            for p in (plain, calibrated)
        )  # type: ignore[return-value]

    monkeypatch.setattr(threshold, "score_fields", scored)
    chosen = threshold.choose_threshold(data, [runs["fold"]])
    assert chosen["without_calibration"]["f1"] == pytest.approx(0.8)
    assert chosen["threshold"] == pytest.approx(0.6)
    # Calibrated scores of 0.2 are to reach the threshold as well: the reference rises by as much.
    expected = threshold.START + logit(0.6) - logit(0.2)
    assert chosen["calibration"]["reference"] == pytest.approx(expected)


def test_threshold_lies_in_the_middle_of_those_of_the_resamples() -> None:
    """Two fields whose best thresholds are 0.9 and 0.5; both together have 0.5."""
    points, figures = np.array([[100.0, 0], [300, 0]]), np.array([[100.0, 0]])
    low = ScoredImage("low", points, np.array([0.5, 0.4]), figures, (0.25, 0.25))
    high = ScoredImage("high", points, np.array([0.9, 0.85]), figures, (0.25, 0.25))
    assert 0.5 < threshold.best_on_average([low, high]) < 0.9


def test_a_run_on_the_crops_alone_scores_every_slide(data: Path, runs: dict[str, Path]) -> None:
    (scored,) = threshold.score_folds(data, [runs["crops"]], (None,))
    assert [image.slide for image in scored] == ["A00", "A01", "A02"]


def test_slides_are_scored_once_and_unseen(data: Path, runs: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match="left out no slide, so it can score none"):
        threshold.choose_threshold(data, [runs["fields"]])
    with pytest.raises(ValueError, match=r"left out \['A01'\], as a run before it did"):
        threshold.choose_threshold(data, [runs["crops"], runs["fold"]])
