"""Threshold and calibration: each image scored by a network that has not seen its domain."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit

from training import threshold
from training.field_scores import ScoredCandidates
from training.icpr_2012 import PARIS
from training.runs import RUN_FILE
from training.threshold_rule import choose as choose_threshold

XR = "hamamatsu_xr_utrecht"


@pytest.fixture(scope="module")
def fold(runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run as if it had left out a domain: that of the crops, under another list of domains."""
    folder = tmp_path_factory.mktemp("fold") / f"no_{XR}"
    shutil.copytree(runs["crops"], folder)
    summary = json.loads((folder / RUN_FILE).read_text())
    summary |= {"left_out_domain": XR, "domains": ["a", "b", "c", "d", "e"]}
    (folder / RUN_FILE).write_text(json.dumps(summary))
    return folder


def test_fields_and_left_out_domains_are_scored_by_their_runs(
    data: Path, runs: dict[str, Path], fold: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """A run on the crops alone has left out every slide."""
    file = tmp_path / "threshold.json"
    words = [str(data), str(runs["crops"]), str(fold), "--json", str(file), "--share", "0.05"]
    assert threshold.main(words) == 0
    chosen = json.loads(file.read_text())
    assert set(chosen["calibrated"]["by_domain"]) == {PARIS, XR}
    assert {"A00", "A01", "A02", f"{XR}/0"} <= set(chosen["slides"])
    rows = chosen["without_calibration"]["by_domain"]
    assert rows[PARIS]["figures"] == 3 and rows[XR]["figures"] >= 3
    bins = chosen["calibrated"]["reliability"]
    assert sum(row["candidates"] for row in bins) > 30 and all(row["predicted"] for row in bins)
    assert chosen["candidate_share"] == 0.05 and 0 <= chosen["threshold"] <= 1
    assert capsys.readouterr().out.startswith(f"threshold {chosen['threshold']:.4f} on ")


def test_a_fold_scores_the_slide_it_left_out(data: Path, runs: dict[str, Path]) -> None:
    scored = threshold.score_left_out(data, [runs["fold"]], share=0.002)
    assert [image.slide for image in scored] == ["A01"]
    assert len(scored[0].figures) == 1 and len(scored[0].probabilities) > 5


def test_what_was_trained_on_or_left_out_twice_is_refused(
    data: Path, runs: dict[str, Path], fold: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    with pytest.raises(ValueError, match="left out no domain and no slide, so it can score none"):
        threshold.score_left_out(data, [runs["fields"]], share=0.002)
    words = [str(data), str(runs["crops"]), str(runs["fold"]), "--json", str(tmp_path / "none")]
    assert threshold.main(words) == 2
    assert "left out A01, as another run did" in capsys.readouterr().err
    with pytest.raises(ValueError, match=f"left out {XR}, as another run did"):
        threshold.score_left_out(data, [fold, fold], share=0.002)


def test_calibrated_scores_choose_the_threshold() -> None:
    """An image like the reference, and one whose scores all lie two higher, without a figure."""
    random = np.random.default_rng(0)
    points = np.stack([100.0 * np.arange(3000), np.zeros(3000)], axis=1)
    odds = random.normal(-6, 1.5, 3000)
    odds[:6] = [1, 2, 3, 4, 5, 6]
    scored = [
        ScoredCandidates(
            name, name, domain, points, expit(odds + more).astype(np.float32), points[:6], 0.25,
            (300_000, 10),
        )
        for name, domain, more in (("one", "a", 0.0), ("two", "b", 2.0))
    ]  # fmt: skip
    chosen = threshold.choose(scored)
    found = chosen["calibrated"]
    assert found["f1_by_best_f1"] > 0.97
    thresholds = [row["best_threshold"] for row in found["by_domain"].values()]
    plain = [row["best_threshold"] for row in chosen["without_calibration"]["by_domain"].values()]
    assert abs(np.diff(logit(thresholds))) < abs(np.diff(logit(plain)))
    assert chosen["calibration"] == {
        "quantile": 0.99, "reference": -1.6, "half_trusted": 500, "below_log_odds": 2.5
    }  # fmt: skip
    assert chosen["threshold"] == choose_threshold(
        [image.detections(threshold.CALIBRATION) for image in scored]
    )
