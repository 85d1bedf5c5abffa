"""Exec mode: the entrypoint runs once over /input."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from test.compare import FILE, compare
from test.container.conftest import fill, strict_json, write_annotations
from test.container.runners import ROOT, Runner, run

QUICK = ("--adaptation", "none")


def test_the_sample_images_give_the_reference_outputs(runner: Runner, target: Path) -> None:
    ended = run(runner, ROOT / "test/images", target, "--precision", "fp32")
    assert (ended.status, ended.stderr) == (0, "")
    assert compare(ROOT / "test/expected", target) == []
    real = "hgsc_nest"  # without mitotic figures at the threshold, so its near misses are compared
    near = compare(ROOT / "test/expected" / real, target / real, probability=0.1, least=0.55)
    assert near == []


def test_of_two_images_none_is_lost(
    runner: Runner, fields: list[Path], source: Path, target: Path
) -> None:
    fill(source, *fields[:2])
    ended = run(runner, source, target, "--adaptation", "gradient-reversal", "--max-steps", "2")
    assert (ended.status, ended.stderr) == (0, "")
    for field in fields[:2]:
        assert strict_json(target / field.stem / FILE)["type"] == "Multiple points"
        assert strict_json(target / field.stem / "result.json")["status"] == "ok"
    assert len(strict_json(target / "results.json")["images"]) == 2


@pytest.mark.parametrize("year", ["2021", "2022", "2025"])
def test_the_output_is_of_the_years_form(
    runner: Runner, fields: list[Path], source: Path, target: Path, year: str
) -> None:
    fill(source, fields[0])
    assert run(runner, source, target, *QUICK, "--output-format", year).status == 0
    schema = strict_json(ROOT / "test/schemas" / f"{year}.json")
    jsonschema.Draft202012Validator(schema).validate(strict_json(target / FILE))


@pytest.mark.parametrize("key", ["interface", "socket", None])
def test_the_platforms_folders_with_and_without_inputs_json(
    runner: Runner, fields: list[Path], source: Path, target: Path, key: str | None
) -> None:
    folder = source / "images" / "histopathology-roi-cropout"
    folder.mkdir(parents=True)
    fill(folder, fields[0])
    if key:
        image = {"image": {"name": fields[0].name}, key: {"slug": "histopathology-roi-cropout"}}
        (source / "inputs.json").write_text(json.dumps([image]))
    ended = run(runner, source, target, *QUICK)
    assert (ended.status, ended.stderr) == (0, "")
    assert (target / FILE).is_file()


def test_a_bad_image_fails_the_run_and_the_others_go_on(
    runner: Runner, fields: list[Path], source: Path, target: Path
) -> None:
    fill(source, fields[0])
    (source / "broken.tif").write_bytes(b"not an image")
    ended = run(runner, source, target, *QUICK)
    assert ended.status == 1
    assert [line for line in ended.stderr.splitlines() if "broken.tif" in line]
    assert strict_json(target / fields[0].stem / "result.json")["status"] == "ok"
    assert strict_json(target / "broken" / "result.json")["status"] == "failed"


def test_a_ground_truth_scores_the_run(
    runner: Runner, fields: list[Path], source: Path, target: Path
) -> None:
    fill(source, fields[0])
    write_annotations(source / "truth.json", fields[0])
    path = runner.seen(source) / "truth.json"
    ended = run(runner, source, target, *QUICK, "--ground-truth", str(path))
    assert (ended.status, ended.stderr) == (0, "")
    assert "pooled" in ended.stdout and "F1" in ended.stdout


def test_an_empty_input_is_a_failure(runner: Runner, source: Path, target: Path) -> None:
    ended = run(runner, source, target)
    assert ended.status != 0
    assert "no image to process in" in ended.stderr
