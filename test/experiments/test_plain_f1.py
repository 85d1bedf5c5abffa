"""F1 beside the plain version: the right arms on the right images, kept as they come."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

import pytest

from evaluation import ScoringError
from experiments.plain_f1 import ARMS, PLAIN, compare_f1
from experiments.results import RESULTS_FILE
from model.adaptation.registry import DEFAULT_ADAPTATION
from model.source_bank import SourceBankError
from test.model.builders import field, tiny_bank, tiny_network, write_bank, write_weights
from training.tiff import write_tiff

FILES = ("A03_00.tif", "Case_10-01.tif", "A00_00.tif")  # the last is in neither set


@pytest.fixture
def options(tmp_path: Path) -> Namespace:
    network = tiny_network()
    sha256 = write_weights(tmp_path / "weights", network)
    for cut in (0, 3):
        write_bank(tmp_path / f"bank_{cut}", tiny_bank(network, cut, sha256=sha256))
    (tmp_path / "fields").mkdir()
    images, annotations = [], []
    for number, name in enumerate(FILES, start=1):
        write_tiff(tmp_path / "fields" / name, field(seed=number, size=(120, 150)), 0.25)
        images.append({"id": number, "file_name": name, "width": 150, "height": 120, "mpp": 0.25})
        box = [50, 40, 100, 90]
        annotations.append({"id": number, "image_id": number, "bbox": box, "category_id": 1})
    truth = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "mitotic figure"}],
    }
    (tmp_path / "fields" / "ground_truth.json").write_text(json.dumps(truth))
    return Namespace(
        fields=tmp_path / "fields", out=tmp_path / "out", weights=tmp_path / "weights",
        source_bank=tmp_path / "bank_3", pixel_bank=tmp_path / "bank_0", device="cpu",
        quiet=True, max_steps=1,
    )  # fmt: skip


def test_arms_are_compared_and_an_interrupted_run_continues(options: Namespace) -> None:
    scores = compare_f1(options)
    assert ARMS == ("none", DEFAULT_ADAPTATION, "paper-frozen", PLAIN)
    assert list(scores) == ["A03", "unseen lab"]
    for of_set in scores.values():
        assert list(of_set) == list(ARMS)
        assert all(0 <= score[name] <= 1 for score in of_set.values() for name in ("f1", "ap"))
    path = options.out / RESULTS_FILE
    lines = path.read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert {(row["image"], row["arm"]) for row in rows} == {
        (image, arm) for image in ("A03_00", "Case_10-01") for arm in ARMS
    }
    assert all(len(row["points"]) == len(row["probabilities"]) for row in rows)
    path.write_text("\n".join(lines[:-1]) + "\n" + lines[-1][:20])  # cut off in the last row
    assert compare_f1(options) == scores
    assert path.read_text().splitlines() == lines


def test_what_is_missing_is_named(options: Namespace) -> None:
    options.pixel_bank = options.source_bank
    with pytest.raises(SourceBankError, match="holds no pixels: make it with --cut 0"):
        compare_f1(options)
    options.pixel_bank = None
    with pytest.raises(ScoringError, match="--fields needs --pixel-bank and --out"):
        compare_f1(options)
