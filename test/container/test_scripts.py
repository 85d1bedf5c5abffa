"""The scripts, the Dockerfile and the image's lock agree with each other."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from report.saved import load_output
from test.compare import FILE
from test.container.conftest import fill, strict_json, write_annotations
from test.container.runners import ROOT, Runner
from test.report.reviews.builders import image_of, write_review

PIN = re.compile(r"^([A-Za-z0-9_.-]+)==(\S+)", re.MULTILINE)


def pins(file: str) -> dict[str, str]:
    return {
        re.sub(r"[-_.]+", "-", name).lower(): version
        for name, version in PIN.findall((ROOT / file).read_text())
    }


@pytest.mark.parametrize("script", ["build.sh", "export.sh", "run.sh", "test.sh"])
def test_every_script_has_help(script: str) -> None:
    done = subprocess.run([f"./{script}", "--help"], cwd=ROOT, text=True, capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: ./{script}")


@pytest.mark.parametrize("script", ["build.sh", "export.sh"])
def test_an_unknown_mode_is_refused(script: str) -> None:
    done = subprocess.run([f"./{script}", "batch"], cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 2
    assert "exec|invoke" in done.stderr


def test_run_refuses_an_input_that_does_not_exist(tmp_path: Path) -> None:
    command = ["./run.sh", str(tmp_path / "nothing"), str(tmp_path / "output")]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 2
    assert "nothing does not exist" in done.stderr


@pytest.mark.parametrize("of", ["folder", "file"])
def test_run_does_the_main_job(
    runner: Runner, fields: list[Path], source: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, of: str,
) -> None:  # fmt: skip
    fill(source, fields[0])
    monkeypatch.setenv("MITOSIS_RUNNER", runner.name)
    monkeypatch.setenv("VENV", sys.prefix)
    given = source if of == "folder" else source / fields[0].name
    command = ["./run.sh", str(given), str(tmp_path / "output"), "--adaptation", "none"]
    subprocess.run(command, cwd=ROOT, check=True)
    assert strict_json(tmp_path / "output" / FILE)["type"] == "Multiple points"


def test_run_shows_the_container_the_files_that_options_name(
    runner: Runner, fields: list[Path], source: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A region, the same by a manifest that names it, and annotations, all in another folder."""
    monkeypatch.setenv("MITOSIS_RUNNER", runner.name)
    monkeypatch.setenv("VENV", sys.prefix)
    fill(source, fields[0])
    lists = tmp_path / "lists"
    lists.mkdir()
    corners = [[0, 0], [200, 0], [200, 300], [0, 300], [0, 0]]
    region = lists / "region.geojson"
    region.write_text(json.dumps({"type": "Polygon", "coordinates": [corners]}))
    manifest = lists / "images.csv"
    manifest.write_text(f"path,roi\n{source / fields[0].name},region.geojson\n")
    truth = write_annotations(lists / "truth.json", fields[0])
    found: list[Any] = []
    for option in (["--roi", region], ["--manifest", manifest], ["--ground-truth", truth]):
        output = tmp_path / f"output{len(found)}"
        command = ["./run.sh", source, output, "--adaptation", "none", *option]
        words = list(map(str, command))
        done = subprocess.run(words, cwd=ROOT, check=True, text=True, capture_output=True)
        assert ("pooled" in done.stdout) == (truth in option)
        found.append(strict_json(output / FILE)["points"])
    by_roi, by_manifest, everywhere = found
    assert by_roi == by_manifest
    assert 0 < len(by_roi) < len(everywhere)


def test_a_review_is_merged(
    runner: Runner, fields: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the same command and options as the run, with a file that lies elsewhere."""
    monkeypatch.setenv("MITOSIS_RUNNER", runner.name)
    monkeypatch.setenv("VENV", sys.prefix)
    output = tmp_path / "out"
    command = ["./run.sh", str(fields[0]), str(output)]
    subprocess.run([*command, "--adaptation", "none"], cwd=ROOT, check=True)
    (saved,) = load_output(output)
    assert saved.detections
    review = write_review(tmp_path / "Ann.review.json", "Ann", image_of(saved, "n"))
    done = subprocess.run(
        [*command, "--review", str(review)], cwd=ROOT, text=True, capture_output=True, check=True
    )
    figures = saved.figures - (saved.figures > 0)
    line, last = done.stdout.splitlines()[-2:]
    assert line.startswith(f"{fields[0].name}: {figures} mitotic figure")
    assert "after review by Ann, " in line
    assert last == f"open {output / 'report.html'} in a browser"
    (image,) = strict_json(output / "results.json")["images"]
    assert image["review"]["mitotic_figures"] == figures


def test_open_shows_the_page_and_its_path_comes_last(
    runner: Runner, fields: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opener = tmp_path / "bin" / "wslview"
    opener.parent.mkdir()
    opener.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", f"{opener.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("MITOSIS_RUNNER", runner.name)
    monkeypatch.setenv("VENV", sys.prefix)
    command = ["./run.sh", str(fields[0]), str(tmp_path / "out"), "--adaptation", "none", "--open"]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True)
    page = tmp_path / "out" / "report.html"
    assert (tmp_path / "opened").read_text() == f"{page}\n"
    assert done.stdout.splitlines()[-1] == f"open {page} in a browser"


@pytest.mark.slow
def test_without_arguments_the_sample_images_are_processed(
    runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MITOSIS_RUNNER", runner.name)
    monkeypatch.setenv("VENV", sys.prefix)
    done = subprocess.run(
        [str(ROOT / "run.sh")], cwd=tmp_path, text=True, capture_output=True, check=True
    )
    page = tmp_path / "output" / "report.html"
    assert page.is_file() and done.stdout.splitlines()[-1] == f"open {page} in a browser"
    names = [image["file"] for image in strict_json(tmp_path / "output/results.json")["images"]]
    assert names == ["hgsc_nest.tiff", "rendered.tiff"]
    assert "skipped" not in done.stdout


def test_the_lock_has_the_pins_of_the_requirements() -> None:
    lock, requirements = pins("requirements-image.lock"), pins("requirements.txt")
    assert set(requirements) - set(lock) == {"torch", "torchvision"}
    assert all(lock.get(name, version) == version for name, version in requirements.items())


def test_the_lock_has_nothing_of_torch_and_a_hash_for_everything() -> None:
    lock = pins("requirements-image.lock")
    the_base_s = re.compile("torch(vision|audio)?|triton|nvidia.*|cuda.*")
    assert not [name for name in lock if the_base_s.fullmatch(name)]
    entries = re.split(r"\n(?=[a-z])", (ROOT / "requirements-image.lock").read_text())[1:]
    assert len(entries) == len(lock)
    assert all("--hash=sha256:" in entry for entry in entries)


def test_the_base_image_has_the_torch_of_the_requirements() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    base = re.search(r"^ARG BASE_IMAGE=pytorch/pytorch:([\d.]+)-\S+@sha256:[0-9a-f]{64}$",
                     dockerfile, re.MULTILINE)  # fmt: skip
    assert base is not None
    assert base[1] == pins("requirements.txt")["torch"]
