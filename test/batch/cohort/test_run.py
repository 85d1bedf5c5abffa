"""Images on workers: the results are those of one process, and a bad image takes nobody down."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import process
from batch.cohort.queue import TRIES
from batch.cohort.run import DIED
from batch.options import ROOT
from test.model.builders import field, tiny_bank, tiny_network, write_bank, write_weights
from test.reliability.kills import _contents
from training.tiff import write_tiff

# Imported by every process that is started with its folder on PYTHONPATH.
POISON = """\
import os, signal, sys
def hook(event, arguments):
    if event == "open" and str(arguments[0]).endswith("poison.tif"):
        with open(os.environ["KILLED"], "a") as file:
            file.write("killed\\n")
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """weights/ and bank/, and in/ with four images, one of them unreadable."""
    folder = tmp_path_factory.mktemp("cohort")
    network = tiny_network()
    sha256 = write_weights(folder / "weights", network)
    write_bank(folder / "bank", tiny_bank(network, 3, sha256=sha256))
    (folder / "in").mkdir()
    for number in range(3):
        write_tiff(folder / "in" / f"{number}.tif", field(number, size=(120, 150)), 0.25)
    (folder / "in" / "bad.tif").write_bytes(b"II*\0damaged")
    return folder


def options(made: Path, source: Path, output: Path) -> list[str]:
    places = ["--weights", made / "weights", "--source-bank", made / "bank"]
    files = ["--input", source, "--output", output]
    return [*map(str, [*files, *places]), "--adaptation", "paper", "--max-steps", "2",
            "--batch-size", "8", "--precision", "fp32", "--device", "cpu"]  # fmt: skip


def run(words: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    names = {"OMP_NUM_THREADS": "1", **environment}
    command = [sys.executable, "process.py", *words]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | names, text=True, capture_output=True, timeout=600
    )


@pytest.mark.parametrize("workers", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_the_results_do_not_depend_on_the_number_of_workers(
    made: Path, tmp_path: Path, workers: int
) -> None:
    words = options(made, made / "in", tmp_path / "one")
    alone = run(words)
    assert alone.returncode == 1, "bad.tif"
    words = options(made, made / "in", tmp_path / "many")
    done = run([*words, "--workers", str(workers)])
    assert done.returncode == 1
    said = done.stderr.splitlines()
    assert len(said) == 1 and said[0].startswith("error: bad.tif: "), done.stderr
    first, *lines = done.stdout.splitlines()
    assert first.startswith(f"{workers} workers, dashboard: http://127.0.0.1:")
    assert sum(line.startswith("[") for line in lines) == 3
    assert any(line.endswith(" images per hour") for line in lines)
    for last in (alone.stdout.splitlines()[-1], lines[-1]):
        assert last.startswith("incomplete, with 1 error: the results are in ")
    one, many = _contents(tmp_path / "one"), _contents(tmp_path / "many")
    assert list(one["results.json"]["images"]) == list(many["results.json"]["images"])
    assert one == many, "every file, times apart"


def test_the_results_do_not_depend_on_the_order(made: Path, tmp_path: Path) -> None:
    """One process, and two workers on the images in reverse."""
    names, found = ["0.tif", "1.tif", "2.tif"], []
    for order, more in ((names, []), (names[::-1], ["--workers", "2"])):
        manifest = tmp_path / f"{order[0]}.csv"
        manifest.write_text("\n".join(["path", *(str(made / "in" / name) for name in order)]))
        words = options(made, manifest, tmp_path / order[0])
        words[words.index("--input")] = "--manifest"
        assert run([*words, *more]).returncode == 0
        contents = _contents(tmp_path / order[0])
        summary = contents.pop("results.json")
        found.append((contents, sorted(summary["images"], key=lambda image: image["file"])))
    assert found[0] == found[1], "every file, times apart"


@pytest.mark.slow
def test_an_image_that_kills_its_workers_is_given_up(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "in", tmp_path / "in")
    (tmp_path / "in" / "bad.tif").rename(tmp_path / "in" / "poison.tif")
    (tmp_path / "sitecustomize.py").write_text(POISON)
    words = [*options(made, tmp_path / "in", tmp_path / "out"), "--workers", "1"]
    done = run(words, PYTHONPATH=str(tmp_path), KILLED=str(tmp_path / "killed"))
    assert done.returncode == 1 and done.stderr == f"error: poison.tif: {DIED}\n"
    assert (tmp_path / "killed").read_text().splitlines() == ["killed"] * TRIES
    summary: Any = json.loads((tmp_path / "out" / "results.json").read_text())
    status = {image["file"]: image["status"] for image in summary["images"]}
    assert status == {"0.tif": "ok", "1.tif": "ok", "2.tif": "ok", "poison.tif": "failed"}


def test_without_dask_a_line_says_what_to_install(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    words = options(made, made / "in", tmp_path / "out")
    assert process.main([*words, "--workers", "2"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("pip install -r requirements-cohort.txt")
    assert not (tmp_path / "out").exists()


def test_a_scheduler_that_is_not_there(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("batch.cohort.cluster.CONNECT_S", 1)
    words = options(made, made / "in", tmp_path / "out")
    assert process.main([*words, "--scheduler", "tcp://127.0.0.1:9"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: no Dask scheduler responds at tcp://127.0.0.1:9: ")


@pytest.mark.slow
def test_two_workers_are_faster(made: Path, tmp_path: Path) -> None:
    """1.6 times at least on two free cores, once the workers have started."""
    if (os.cpu_count() or 1) < 2:
        pytest.skip("one core")
    (tmp_path / "in").mkdir()
    for number in range(24):
        write_tiff(tmp_path / "in" / f"{number}.tif", field(number, size=(600, 600)), 0.25)
    pace = {}
    for workers in (1, 2):
        words = options(made, tmp_path / "in", tmp_path / str(workers))
        done = run([*words, "--workers", str(workers)])
        (line,) = [x for x in done.stdout.splitlines() if x.endswith(" images per hour")]
        pace[workers] = float(line.split()[0])
    assert pace[2] >= 1.6 * pace[1]
