"""The threshold: each slide scored by the network that has not seen it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from evaluation.scored_image import ScoredImage
from training import threshold
from training.samples import SourceImage


def test_a_fold_scores_the_slide_it_left_out(
    data: Path, runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "threshold.json"
    assert threshold.main([str(data), str(runs["fold"]), "--json", str(file)]) == 0
    chosen = json.loads(file.read_text())
    assert chosen["slides"] == list(chosen["by_slide"]) == ["A01"]
    assert chosen["figures"] == 1 and 0 <= chosen["threshold"] <= 1
    assert capsys.readouterr().out.startswith(f"threshold {chosen['threshold']:.4f}: pooled F1 ")


def test_it_maximises_the_pooled_f1(
    data: Path, runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two figures found at 0.9 and 0.6, look-alikes at 0.7 and 0.3: from 0.6 on F1 is 4/5."""

    def scored(_: object, images: list[SourceImage], *__: object) -> list[ScoredImage]:
        points = np.array([[100.0, 0], [300, 0], [500, 0], [700, 0]])
        probabilities = np.array([0.9, 0.7, 0.6, 0.3])
        return [ScoredImage(images[0].file, points, probabilities, points[[0, 2]], (0.25, 0.25))]

    monkeypatch.setattr(threshold, "score_fields", scored)
    chosen = threshold.choose_threshold(data, [runs["fold"]])
    assert chosen["f1"] == pytest.approx(0.8)
    assert 0.3 < chosen["threshold"] <= 0.6


def test_a_run_that_left_nothing_out_is_no_fold(data: Path, runs: dict[str, Path]) -> None:
    for name, reason in (("fields", "left out no slide"), ("crops", r"left out \['A00', 'A01', ")):
        with pytest.raises(ValueError, match=rf"{reason}.*: exactly one is needed"):
            threshold.choose_threshold(data, [runs[name]])
