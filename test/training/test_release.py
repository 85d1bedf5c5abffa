"""From a data folder to weights and a bank that process.py accepts, on rendered tissue."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import process
from model.source_bank import SourceBankError, load_bank
from model.weights import load_weights
from test.builders import write_data_folder
from training import prepare, release, select_bank, train
from training.crops import AMI_BR, crop_domains
from training.icpr_2012 import PARIS
from training.tables import read_table


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data/, run/, weights/ and bank/ made by the commands."""
    folder = tmp_path_factory.mktemp("made")
    data = folder / "data"
    write_data_folder(data)
    recipe = "[recipe]\nsteps = 4\nwarm_up = 2\naverage_from = 3\n"
    mixture = "[recipe.mixture]\nsize = 24\nmitotic = 0.5\n"
    preset = folder / "tiny.toml"
    preset.write_text("whole_fields = true\n" + recipe + mixture)
    assert train.main([str(data), str(folder / "run"), "--preset", str(preset)]) == 0
    (folder / "threshold.json").write_text(
        json.dumps({"threshold": 0.5, "calibration": {"reference": -1.5}})
    )
    arguments = ["--threshold", str(folder / "threshold.json"), "--out", str(folder / "weights")]
    assert release.main([str(folder / "run"), *arguments]) == 0
    arguments = ["--weights", str(folder / "weights"), "--out", str(folder / "bank")]
    counts = ["--negatives", "4", "--reserve", "2", "--confidence", "0", "--check", "0.5"]
    assert select_bank.main([str(data), *arguments, *counts]) == 0
    return folder


def test_the_bank_belongs_to_the_weights(made: Path) -> None:
    _, card = load_weights(made / "weights")
    bank = load_bank(made / "bank", card.sha256, card.domains)
    assert bank.cut == 3
    assert bank.domains == [*crop_domains([AMI_BR]), PARIS]
    rows = read_table(made / "bank" / "entries.csv")
    assert [int(row["mitotic"]) for row in rows] == bank.mitotic.tolist()
    assert [row["split"] == "check" for row in rows] == bank.check.tolist()
    assert all(int(row["mitotic"]) for row in rows if int(row["reserve"]))
    with pytest.raises(SourceBankError, match="belongs to other weights"):
        load_bank(made / "bank", "0" * 64, card.domains)


def test_the_card_says_which_weights_were_averaged(made: Path) -> None:
    card = json.loads((made / "weights" / "card.json").read_text())
    assert card["averaging"] == "mean of the weights after each step from 3 on"
    assert card["training"][0]["recipe"]["average_from"] == 3


@pytest.mark.parametrize(
    ("recipe", "stages", "expected"),
    [
        ({"averaging": 0.0}, 1, "none"),
        ({"averaging": 0.9}, 1, "moving average of the weights, decay 0.9"),
        ({"averaging": 0.9, "average_from": 0}, 1, "mean of the weights after each step from 0 on"),
        ({"averaging": 0.0}, 2, "last stage: none; mean with the stage before, which weighs 0.75"),
    ],
)
def test_each_kind_of_averaging_is_named(
    recipe: dict[str, float], stages: int, expected: str
) -> None:
    assert release._averaging([{"recipe": recipe}] * stages) == expected


def test_prepared_fields_are_detected_in_and_scored(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fields = made / "fields"
    assert prepare.main([str(made / "data"), str(fields)]) == 0
    truth = json.loads((fields / "ground_truth.json").read_text())
    folder = sorted(path for path in fields.iterdir() if path.is_dir())[0]
    names = {path.name for path in folder.iterdir()}
    assert names <= {image["file_name"] for image in truth["images"]}
    status = process.main(
        [
            *("--input", str(folder), "--output", str(made / "out"), "--max-steps", "1"),
            *("--weights", str(made / "weights"), "--source-bank", str(made / "bank")),
            *("--ground-truth", str(fields / "ground_truth.json")),
        ]
    )
    assert status == 0
    assert "F1" in capsys.readouterr().out


def test_a_domain_without_confident_patches_is_named(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--weights", str(made / "weights"), "--out", str(made / "none")]
    assert select_bank.main([str(made / "data"), *arguments, "--negatives", "5000"]) == 2
    assert re.search(
        r"utrecht has \d+ confident negative patches, 5000 are needed", capsys.readouterr().err
    )
    assert not (made / "none").exists()
