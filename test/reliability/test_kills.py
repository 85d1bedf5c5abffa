"""Kills: five in every run of the tests, and a check that the checks can fail."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

from batch.writing import write_json
from model.hashes import file_sha256
from test.reliability.kills import check_finished, survive_kills

WRITER = """
import sys
from pathlib import Path
from batch.writing import write_json
path, number = Path(sys.argv[1]), 0
while True:
    write_json(path, {"number": number, "filling": [number] * 20000})
    number += 1
"""


def test_five_kills(tmp_path: Path) -> None:
    done = survive_kills(tmp_path, kills=5, images=4)
    assert done.kills == 5 and done.ended >= 1


def test_killed_while_it_writes(tmp_path: Path) -> None:
    """A process that does nothing but write is killed: its file is whole, the next cleans up."""
    path = tmp_path / "file.json"
    for kill in range(5):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)])
        while not path.exists():
            time.sleep(0.01)
        time.sleep(0.1 + 0.013 * kill)
        process.kill()
        process.wait()
        content = json.loads(path.read_text())
        assert set(content["filling"]) == {content["number"]}
    left = [file for file in tmp_path.iterdir() if file != path]
    assert len(left) <= 1, "each writer removes what the one before left"
    write_json(path, {})
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """An output with one finished image."""
    write_json(tmp_path / "a" / "mitotic-figures.json", FIGURES)
    sha256 = file_sha256(tmp_path / "a" / "mitotic-figures.json")
    result = {"status": "ok", "error": None, "figures": {"sha256": sha256}}
    write_json(tmp_path / "a" / "result.json", result)
    write_json(tmp_path / "results.json", {"images": [{"folder": "a"}]})
    return tmp_path


FIGURES = {
    "name": "Points of interest",
    "type": "Multiple points",
    "points": [],
    "version": {"major": 1, "minor": 0},
}


def test_a_finished_image_has_two_files(finished: Path) -> None:
    (finished / "a" / ".result.json.abc.part").write_text("half")
    names = {path.name for path in check_finished(finished)}
    assert names == {"result.json", "mitotic-figures.json"}


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("a/result.json", '{"status": "ok", "figures"'),
        ("a/result.json", '{"status": "failed", "error": "killed"}'),
        ("a/mitotic-figures.json", ""),
        ("a/mitotic-figures.json", json.dumps(FIGURES | {"points": 1})),
        ("a/mitotic-figures.json", json.dumps(FIGURES)),
        ("results.json", '{"images": [{"folder": "b"}]}'),
        ("a/.result.json.abc", "{}"),
    ],
)
def test_whatever_is_partial_lost_or_left_behind_is_seen(
    finished: Path, file: str, content: str
) -> None:
    (finished / file).write_text(content)
    with pytest.raises((AssertionError, ValueError, jsonschema.ValidationError)):
        check_finished(finished)
