"""Adaptations compared on rendered crops of domains that were left out."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from experiments import left_out_domains
from experiments.left_out_domains import by_slide, main
from test.builders import write_data_folder
from training import train
from training.bank_selection import Selection
from training.crops import AMI_BR, crop_domains
from training.montage import TILE, Montage
from training.runs import load_run
from training.virtual_scanners import AS_IT_IS, REPORTING

XR, S360 = "hamamatsu_xr_utrecht", "hamamatsu_s360_utrecht"
TINY = """
whole_fields = false
[recipe]
steps = 2
warm_up = 1
averaging = 0.5
[recipe.mixture]
size = 20
"""


def test_scores_are_split_by_slide() -> None:
    montage = Montage(
        "d/0", "d", np.zeros((4 * TILE, TILE, 3), np.uint8),
        np.array([True, False, True, False]), np.array(["s", "s", "t", "t"]),
    )  # fmt: skip
    found = {
        "scanner": AS_IT_IS, "image": "d/0", "arm": "none", "seed": 0, "schedule": "short",
        "points": [[42.0, 42.0], [42.0, 3 * TILE + 42.0]], "probabilities": [0.9, 0.4],
        "seconds": {"adaptation": 0.0}, "adaptation": {"fallback": None},
    }  # fmt: skip
    rows, truth = by_slide([found], [montage])
    assert {r["image"]: r["probabilities"] for r in rows} == {"d/0/s": [0.9], "d/0/t": [0.4]}
    assert truth["d/0/t"].figures.tolist() == [[42.0, 2 * TILE + 42.0]]
    assert {t.tissue for t in truth.values()} == {"d"} and truth["d/0/s"].slide == "s"


def test_command_trains_adapts_and_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = Selection(negatives=3, reserve=2, check=0.5, confidence=0.0)
    monkeypatch.setattr(left_out_domains, "Selection", Mock(negatives=3, return_value=small))
    data = write_data_folder(tmp_path / "data")
    preset = tmp_path / "tiny.toml"
    preset.write_text(TINY)
    arguments = [
        *(str(data), str(tmp_path / "runs"), str(tmp_path / "out")),
        *("--domains", XR, S360, "--arms", "none", "coral-calibrated", "--schedule", "short"),
        *("--share", "0.05", "--draws", "1", "--negatives", "3", "--preset", str(preset)),
        *("--scanners", "reporting"),
    ]
    assert main(arguments) == 0
    for out in (XR, S360):
        _, summary = load_run(tmp_path / "runs" / f"no_{out}")
        assert summary["domains"] == crop_domains([AMI_BR], out)
    results = tmp_path / "out" / "results.jsonl"
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    assert [(row["image"], row["scanner"], row["arm"]) for row in rows] == [
        (f"{domain}/0", scanner, arm)
        for domain in (XR, S360)
        for scanner in REPORTING
        for arm in ("none", "coral-calibrated")
    ]
    scores = {
        row["scanner"]: row["probabilities"]
        for row in rows
        if row["arm"] == "none" and row["image"] == f"{XR}/0"
    }
    assert len({str(found) for found in scores.values()}) == len(REPORTING), "other pixels"
    table = capsys.readouterr().out
    for group in (XR, S360, f"{XR}, pale stain", "all"):
        assert f"| {group} | none |" in table
    monkeypatch.setattr(train, "main", lambda _: pytest.fail("trained again"))
    monkeypatch.setattr(left_out_domains, "load_fold", lambda *_, **__: pytest.fail("run again"))
    assert main(arguments) == 0
    assert main([*arguments, "--share", "0.1"]) == 2, "another folder for another share"
