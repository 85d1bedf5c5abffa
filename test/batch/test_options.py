"""Options: defaults, refusals in words, and a --help that answers at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from batch import options
from batch.challenge_json import FORMATS
from batch.options import ROOT, option_parser, shipped
from model.adaptation.base import AdaptationSettings
from model.adaptation.registry import ADAPTATIONS, DEFAULT_ADAPTATION
from model.candidates import SETTINGS

HELP = """
import json, sys
import process
try:
    process.main(["--help"])
except SystemExit as end:
    heavy = {"torch", "numpy", "SimpleITK", "scipy"} & set(sys.modules)
    print(json.dumps([end.code, sorted(heavy)]), file=sys.stderr)
"""


def test_help_imports_nothing_heavy() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", HELP], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(ended.stderr) == [0, []]
    assert "--adaptation" in ended.stdout and "examples:" in ended.stdout


def test_every_option_is_explained() -> None:
    text = option_parser().format_help()
    for word in (
        "input output weights source-bank adaptation reversal-weight epochs learning-rate"
        " batch-size max-steps candidates threshold mpp output-format device precision"
        " time-budget seed"
    ).split():
        assert f"--{word}" in text


def test_defaults_are_the_paper_s() -> None:
    values = option_parser().parse_args([])
    schedule = AdaptationSettings()
    assert (values.epochs, values.batch_size) == (5, 128)
    assert (schedule.epochs, schedule.learning_rate, schedule.batch_size) == (5, 1.7e-6, 128)
    assert values.reversal_weight is values.threshold is values.max_steps is None
    assert values.learning_rate is None, "that of the adaptation"
    assert (values.input, values.output) == (Path("/input"), Path("/output"))
    assert (values.output_format, values.time_budget) == ("2025", None)


def test_names_are_those_of_the_parts() -> None:
    assert DEFAULT_ADAPTATION in ADAPTATIONS
    assert all(f"\n  {name} " in option_parser().format_help() for name in ADAPTATIONS)
    choices = {action.dest: action.choices for action in option_parser()._actions}
    assert tuple(choices["output_format"] or ()) == FORMATS
    assert set(choices["candidates"] or ()) == set(SETTINGS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--threshold 1.5", "argument --threshold: 1.5 is not in 0..1"),
        ("--threshold nan", "argument --threshold: 'nan' is not a number"),
        ("--threshold high", "argument --threshold: 'high' is not a number"),
        ("--mpp 0", "argument --mpp: 0 is not above 0"),
        ("--hpf-area 237", "argument --hpf-area: 237 mm² is not in 0.05..1 mm², the area of one"),
        ("--hpf-area 0.049", "argument --hpf-area: 0.049 mm² is not in 0.05..1 mm²"),
        ("--hpf-area nan", "argument --hpf-area: 'nan' is not a number"),
        ("--mpp=-0.25", "argument --mpp: -0.25 is not above 0"),
        ("--mpp 0,25", "argument --mpp: '0,25' is not a number"),
        ("--time-budget 0", "argument --time-budget: 0 is not above 0"),
        ("--time-budget inf", "argument --time-budget: 'inf' is not a number"),
        ("--epochs 0", "argument --epochs: '0' is not a whole number above 0"),
        ("--epochs 1.5", "argument --epochs: '1.5' is not a whole number above 0"),
        ("--max-steps=-3", "argument --max-steps: '-3' is not a whole number above 0"),
        ("--batch-size ²", "argument --batch-size: '²' is not a whole number above 0"),
        ("--learning-rate=-1", "argument --learning-rate: -1 is below 0"),
        ("--reversal-weight=-0.1", "argument --reversal-weight: -0.1 is below 0"),
        ("--adaptation some", "argument --adaptation: 'some' is not an adaptation"),
        ("--adaptation paper-calibrated", "is now called 'gradient-reversal'"),
        ("--adaptation tent", "'tent' is an experiment: run it with python -m experiments."),
        ("--candidates many", "argument --candidates: invalid choice: 'many'"),
        ("--output-format 2023", "argument --output-format: invalid choice: '2023'"),
        ("--device tpu", "argument --device: invalid choice: 'tpu'"),
        ("--precision fp16", "argument --precision: invalid choice: 'fp16'"),
        ("--seed x", "argument --seed: invalid int value: 'x'"),
        ("--input a --manifest b", "argument --manifest: not allowed with argument --input"),
        ("--inptu x", "unrecognized arguments: --inptu x"),
    ],
)
def test_bad_values(capsys: pytest.CaptureFixture[str], arguments: str, message: str) -> None:
    with pytest.raises(SystemExit) as end:
        option_parser().parse_args(arguments.split())
    assert end.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        "--threshold 0",
        "--threshold 1",
        "--reversal-weight 0",
        "--hpf-area 0.05",
        "--hpf-area 1",
    ],
)
def test_limits_are_allowed(arguments: str) -> None:
    option_parser().parse_args(arguments.split())


def test_uploaded_model_comes_before_the_shipped_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(options, "UPLOADED", tmp_path)
    assert shipped("weights") == ROOT / "weights"
    (tmp_path / "weights").mkdir()
    assert shipped("weights") == ROOT / "weights", "an empty folder does not count"
    (tmp_path / "weights" / "card.json").touch()
    assert shipped("weights") == tmp_path / "weights"
    assert shipped("source_bank") == ROOT / "source_bank"


def test_help_fits_two_screens_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two screens of 45 lines, on a terminal of 80 columns, from what is needed first on."""
    monkeypatch.setenv("COLUMNS", "80")
    lines = option_parser().format_help().splitlines()
    assert len(lines) <= 90 and max(map(len, lines)) <= 80
    groups = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert [group for group in groups if group != "options:"] == [
        "input:", "output:", "adaptation:", "speed and memory:", "for developers:", "adaptations:",
        "examples:",
    ]  # fmt: skip
