"""The whole command on rendered fields and one left-out domain; stopped, continued, reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from experiments import evidence_sets
from experiments.evidence import main
from experiments.evidence_arms import EVIDENCE_ARMS, evidence_trials
from experiments.evidence_sets import A03, LEFT_OUT, SELECTION, set_names
from experiments.results import RESULTS_FILE
from experiments.schedules import PAPER, SHIPPED
from model.adaptation.registry import DEFAULT_ADAPTATION
from test.builders import write_data_folder
from test.model.builders import tiny_bank, tiny_network, write_bank, write_weights
from test.rendering import render_tissue
from training.bank_selection import Selection
from training.tiff import write_tiff
from training.virtual_scanners import REPORTING

DOMAIN = "hamamatsu_xr_utrecht"
ARMS = ["none", "calibrated", "gradient-reversal", "gradient-reversal-control"]
TINY = """
whole_fields = false
[recipe]
steps = 2
warm_up = 1
averaging = 0.5
[recipe.mixture]
size = 20
"""


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """Fields of two slides, weights, bank and other weights to compare with."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    (tmp_path / "fields").mkdir()
    for number, stem in enumerate(("A00_00", "A01_00", "A03_00"), start=1):
        pixels, figures = render_tissue((280, 300), figures=2, seed=number)
        write_tiff(tmp_path / "fields" / f"{stem}.tif", pixels, 0.25)
        images.append(
            {"id": number, "file_name": f"{stem}.tif", "width": 300, "height": 280, "slide": stem}
        )
        annotations += [
            {
                "image_id": number,
                "category_id": 1,
                "bbox": [x - 5, y - 5, x + 5, y + 5],
                "area": 100,
            }
            for x, y in np.asarray(figures, float)
        ]
    truth = {"images": images, "annotations": annotations}
    (tmp_path / "fields" / "ground_truth.json").write_text(json.dumps(truth))
    network = tiny_network()
    sha256 = write_weights(tmp_path / "weights", network)
    write_bank(tmp_path / "bank", tiny_bank(network, sha256=sha256))
    write_weights(tmp_path / "old", tiny_network(seed=1))
    return [
        *(str(tmp_path / "fields"), str(tmp_path / "out"), "--arms", *ARMS),
        *("--weights", str(tmp_path / "weights"), "--source-bank", str(tmp_path / "bank")),
        *("--baseline", str(tmp_path / "old")),
    ]


def read_evidence(out: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(out) / "evidence.json").read_text())
    return found


def test_fields_are_run_in_pieces(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    sets = ["--sets", SELECTION, "dense pieces", A03]
    assert main([*arguments, *sets, "--minutes", "0"]) == 0
    assert read_evidence(arguments[1])["sets"] == [], "no time for an image"
    assert main([*arguments, *sets[:2]]) == 0
    first = (Path(arguments[1]) / SELECTION / RESULTS_FILE).read_text()
    assert len(first.splitlines()) == 2 * len(ARMS)
    assert main([*arguments, *sets]) == 0
    assert (Path(arguments[1]) / SELECTION / RESULTS_FILE).read_text() == first, "not run again"
    found = read_evidence(arguments[1])
    assert [(s["name"], s["images"], s["figures"]) for s in found["sets"]] == [
        *((SELECTION, 2, 4), ("dense pieces", 2, 4), (A03, 1, 2))
    ]
    for evidence in found["sets"]:
        assert list(evidence["arms"]) == [arm for arm in EVIDENCE_ARMS if arm in ARMS]
        assert set(evidence["to_baseline"]) == {"ap", "f1"}
        assert set(evidence["arms"]["gradient-reversal"]["to_control"]) == {"ap", "f1"}
    assert found["goals"][4]["value"] != "-", "AP on A03"
    capsys.readouterr()
    assert main([*arguments, "--report-only"]) == 0
    assert f"## {A03}" in capsys.readouterr().out
    other = ["--weights", arguments[arguments.index("--baseline") + 1]]
    assert main([*arguments, *other, "--report-only"]) == 2
    assert "results of other weights" in capsys.readouterr().err


def test_left_out_domain_is_run_under_virtual_scanners(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = Selection(negatives=3, reserve=2, check=0.5, confidence=0.0)
    monkeypatch.setattr(evidence_sets, "Selection", Mock(return_value=small))
    (tmp_path / "tiny.toml").write_text(TINY)
    name = LEFT_OUT + DOMAIN
    assert main([*arguments, "--sets", name]) == 2, "without data"
    places = ["--data", str(write_data_folder(tmp_path / "data")), "--runs", str(tmp_path / "runs")]
    preset = ["--preset", str(tmp_path / "tiny.toml"), "--share", "0.02", "--draws", "1"]
    assert main([*arguments, "--sets", name, *places, *preset]) == 0
    evidence, together = read_evidence(arguments[1])["sets"]
    assert evidence["name"] == name and together["name"] == "left-out domains together"
    assert evidence["images"] == evidence["planned"] == len(REPORTING)
    assert evidence["figures"] == 1, "the same figure under each scanner"
    assert evidence["arms"] == together["arms"]
    assert set(evidence["to_baseline"]) == {"ap", "f1"}, "the baseline has not seen the domain"


def test_weights_trained_on_fields_cannot_score_them(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    card = Path(arguments[arguments.index("--weights") + 1]) / "card.json"
    content = json.loads(card.read_text()) | {"data": {"training_slides": ["A00"]}}
    card.write_text(json.dumps(content))
    assert main([*arguments, "--sets", A03]) == 2
    assert "trained on whole fields" in capsys.readouterr().err


def test_arms_have_the_schedule_they_are_shipped_with_and_the_paper_its_own() -> None:
    assert {"none", "calibrated", "paper", DEFAULT_ADAPTATION} <= set(EVIDENCE_ARMS)
    schedules = {trial.arm: trial.schedule for trial in evidence_trials(EVIDENCE_ARMS, [0, 1])}
    assert schedules.pop("paper") == PAPER and set(schedules.values()) == {SHIPPED}
    assert len(evidence_trials(["none", "paper"], [0, 1])) == 1 + 2


def test_seven_domains_are_left_out() -> None:
    assert sum(name.startswith(LEFT_OUT) for name in set_names()) == 7
