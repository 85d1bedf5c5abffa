"""From MIDOG's form to a container's weights and bank: every command, on a few steps."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import optuna
import PIL.Image
import pytest

import process
from model.source_bank import load_bank
from model.weights import load_weights
from test.training.midog_folder import (
    SCANNERS,
    TINY,
    Midog,
    Tissue,
    rendered_midog,
    write_midog,
)
from training import release, search_rates, select_bank, threshold, train
from training.icpr_2012 import FIELD_MPP, PARIS, field_figures, field_images

# The paper's share of mitotic patches, of as many as there are here.
BANK = ["--cut", "0", "--negatives", "9", "--mitotic-share", "0.001", "--confidence", "0"]
# Optical densities of the pretended scanners: a stronger red and a weaker blue, and the reverse.
COLOURS = ((1.0, 1.0, 1.0), (1.2, 1.0, 0.85), (0.85, 1.0, 1.15))


@pytest.fixture(scope="module", params=["rendered", "fields"])
def midog(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Midog:
    folder = tmp_path_factory.mktemp("midog")
    if request.param == "rendered":
        return rendered_midog(folder / "data")
    if "MITOSIS_DATA" not in os.environ:
        pytest.skip("MITOSIS_DATA is not set")
    tissue = _pretended(Path(os.environ["MITOSIS_DATA"]))
    made = write_midog(folder / "data", tissue, FIELD_MPP[PARIS])
    made.preset.write_text(TINY.format(positives="candidates", steps="epochs = 0\nsteps = 3"))
    return made


@pytest.fixture(scope="module")
def made(midog: Midog) -> Path:
    """A folder with a run, a threshold, weights and a bank."""
    folder = midog.images.parents[1]
    run = ["--run", str(folder / "run")]
    assert train.main([*midog.options(folder / "store"), "--output", run[1]]) == 0
    assert threshold.main([*run, "--json", str(folder / "threshold.json")]) == 0
    out = ["--out", str(folder / "weights")]
    assert release.main([run[1], "--threshold", str(folder / "threshold.json"), *out]) == 0
    places = ["--weights", str(folder / "weights"), "--out", str(folder / "bank")]
    report = ["--report", str(folder / "report"), "--preset", "paper"]
    assert select_bank.main([*run, *places, *report, *BANK]) == 0
    return folder


def test_the_card_says_what_was_done(made: Path, midog: Midog) -> None:
    network, card = load_weights(made / "weights")
    assert card.domains == sorted(SCANNERS) and network.source_domains == 3
    values, chosen = card.values, json.loads((made / "threshold.json").read_text())
    assert card.threshold == chosen["threshold"] == values["threshold_choice"]["threshold"]
    assert values["threshold_choice"]["scored_on"].startswith("validation images")
    scanners = values["data"]["scanners"]
    images = [i for s in scanners.values() for use in s.values() for i in use["images"]]
    assert sorted(images) == sorted(path.stem for path in midog.images.glob("[01][05]*"))[:12]
    validated = {i for s in scanners.values() for i in s["validation"]["images"]}
    assert validated == set(chosen["slides"]) and len(validated) == 3
    assert values["averaging"] == "none" and "MIT" in values["terms"]
    assert str(made) not in json.dumps(values), "no place of this machine"


def test_the_bank_has_the_paper_s_ratio_and_a_report(made: Path) -> None:
    _, card = load_weights(made / "weights")
    bank = load_bank(made / "bank", card.sha256, card.domains)
    assert bank.cut == 0 and bank.values.shape == (30, 64, 64, 3)
    assert not bank.check.any() and not bank.reserve.any()
    counts = [int(bank.mitotic[bank.domain == domain].sum()) for domain in range(3)]
    assert counts == [1, 1, 1], "at least one of each"
    report = json.loads((made / "report" / "report.json").read_text())
    assert report["weights_sha256"] == card.sha256 and report["bank_sha256"] == bank.sha256
    assert report["entries"] == 30 and sum(report["slides"].values()) == 30
    assert report["scanners"]["aperio_cs2_utrecht"]["negative"]["entries"] == 9
    with (made / "bank" / "entries.csv").open() as file:
        slides = {row["slide"] for row in csv.DictReader(file)}
    validation = json.loads((made / "threshold.json").read_text())["slides"]
    assert not slides & set(validation), "validation images are in no bank"
    sheet = PIL.Image.open(made / "report" / "contact_sheet.png")
    assert sheet.size == (20 * 66, 6 * 66), "a row a scanner and class"


def test_the_paper_s_numbers() -> None:
    paper = select_bank.PAPER
    prior = round(paper.negatives * paper.mitotic_share / (1 - paper.mitotic_share))
    assert (paper.negatives + prior, prior, paper.reserve, paper.check) == (10_000, 10, 0, 0)


def test_the_detector_adapts_all_layers_with_that_bank(
    made: Path, midog: Midog, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    path = min(midog.images.iterdir())
    shutil.copy(path, tmp_path / "in")
    status = process.main([
        *("--input", str(tmp_path / "in"), "--output", str(tmp_path / "out")),
        *("--weights", str(made / "weights"), "--source-bank", str(made / "bank")),
        *("--adaptation", "paper", "--max-steps", "2", "--batch-size", "32"),
    ])  # fmt: skip
    assert status == 0
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["adaptation"]["steps"] == 2 and result["adaptation"]["source_entries"] == 30
    assert result["adaptation"]["drift"] > 0
    assert result["settings"]["candidates"] == "default", "those of the training, from the card"


def test_both_rates_are_searched_and_the_study_goes_on(made: Path, midog: Midog) -> None:
    out = ["--output", str(made / "search"), "--device", "cpu", "--precision", "fp32"]
    source = ["source", *midog.options(made / "store"), *out]
    assert search_rates.main([*source, "--steps", "2", "--trials", "2"]) == 0
    assert search_rates.main([*source, "--steps", "2", "--trials", "3"]) == 0
    left_out = ["--leave-out-scanner", "aperio_cs2_utrecht"]
    fold = ["--output", str(made / "fold")]
    assert train.main([*midog.options(made / "store"), *fold, *left_out]) == 0
    some = ["--images", "1", "--negatives", "9", "--confidence", "0", "--max-steps", "1"]
    assert search_rates.main(["adaptation", fold[1], *out, *some, "--trials", "3"]) == 0
    for name, (low, high) in (
        ("source", search_rates.SOURCE_RATES), ("adaptation", search_rates.ADAPTATION_RATES)
    ):  # fmt: skip
        result = json.loads((made / "search" / f"{name}.json").read_text())
        assert len(result["trials"]) == 3 and low <= result["learning_rate"] <= high
        assert PIL.Image.open(made / "search" / f"{name}.png").width > 100
    with pytest.raises(ValueError, match="left out no scanner: exactly one is needed"):
        search_rates.main(["adaptation", str(made / "run"), *out])


def test_a_killed_trial_is_made_again_and_a_hopeless_one_pruned(tmp_path: Path) -> None:
    def objective(trial: optuna.Trial) -> float:
        trial.suggest_float("learning_rate", 1e-6, 1e-3, log=True)
        value = 1.0 if trial.number < search_rates.UNPRUNED + 1 else 0.0
        trial.report(value, 0)
        if trial.should_prune():
            raise optuna.TrialPruned
        return value

    storage = f"sqlite:///{tmp_path / 'study.db'}"
    optuna.create_study(storage=storage, study_name="source", direction="maximize").ask()
    study = search_rates.run_study("source", tmp_path, 6, objective, seed=0)
    states = [trial.state.name for trial in study.trials]
    assert states == ["FAIL", *["COMPLETE"] * search_rates.UNPRUNED, "PRUNED", "PRUNED"]


def _pretended(data: Path) -> Iterable[Tissue]:
    """Fields of A00-A02, four a pretended scanner, around their first figure; each scanner is a
    factor a channel on the optical density."""
    figures = field_figures(data, "fields_a")
    fields = [f for f in field_images(data, "fields_a", {"A00", "A01", "A02"}) if f.file in figures]
    for number, (field, scanner) in enumerate(zip(fields, [0, 1, 2] * 4, strict=False)):
        x, y = figures[field.file][0]
        left, top = (int(np.clip(v - 350, 0, 2084 - 700)) for v in (x, y))
        pixels = field.pixels[top : top + 700, left : left + 700].astype(float)
        density = -np.log((pixels + 1) / 256) * COLOURS[scanner]
        changed = (256 * np.exp(-density) - 1).round().clip(0, 255).astype(np.uint8)
        here = figures[field.file] - (left, top)
        here = here[((here >= 0) & (here < 700)).all(axis=1)]
        yield Tissue(50 * scanner + 1 + number // 3, changed, here, np.zeros((0, 2)))
