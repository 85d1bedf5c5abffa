"""What counts as finished: only what equals a new run in every byte and setting."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from batch.documents import Hash
from batch.resume import finished
from batch.writing import write_json
from model.hashes import file_sha256
from test.batch.builders import processed, record, source

RECORD = record()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image, and beside it in out/ what a run would have written about it."""
    path, out = tmp_path / "a.tif", tmp_path / "out"
    path.write_bytes(b"pixels")
    out.mkdir()
    (out / "mitotic-figures.json").write_text("{}")
    figures = Hash(sha256=file_sha256(out / "mitotic-figures.json"))
    result = processed("a.tif", image=source("../a.tif", path), figures=figures)
    write_json(out / "result.json", result.content())
    return path


def test_the_same_run_is_finished(image: Path) -> None:
    result = finished(image, image.parent / "out", RECORD)
    assert result is not None and result.file == "a.tif"
    other = RECORD.model_copy(update={"versions": {"torch": "3"}})
    assert finished(image, image.parent / "out", other) == result


@pytest.mark.parametrize("key", ["weights", "source_bank"])
def test_other_weights_are_another_run(image: Path, key: str) -> None:
    other = RECORD.model_copy(update={key: Hash(sha256="cd" * 32)})
    assert finished(image, image.parent / "out", other) is None


def test_another_setting_is_another_run(image: Path) -> None:
    assert finished(image, image.parent / "out", record(threshold=0.6)) is None
    assert finished(image, image.parent / "out", record(novel=1)) is None, "one setting more"


def same_size_and_date(image: Path) -> None:
    date = image.stat().st_mtime_ns
    image.write_bytes(b"pixelz")
    os.utime(image, ns=(date, date))


def become_a_pipe(image: Path) -> None:
    image.unlink()
    os.mkfifo(image)


def edit(**changes: Any) -> Callable[[Path], object]:
    def change(image: Path) -> None:
        path = image.parent / "out" / "result.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(same_size_and_date, id="other pixels, same size and date"),
        pytest.param(lambda image: image.unlink(), id="no image"),
        pytest.param(become_a_pipe, id="a pipe"),
        pytest.param(
            lambda image: (image.parent / "out" / "mitotic-figures.json").unlink(), id="no figures"
        ),
        pytest.param(
            lambda image: (image.parent / "out" / "mitotic-figures.json").write_text("{} "),
            id="other figures",
        ),
        pytest.param(
            lambda image: (image.parent / "out" / "result.json").write_text('{"status": "ok'),
            id="half a result",
        ),
        pytest.param(
            lambda image: (image.parent / "out" / "result.json").write_text("[]"), id="a list"
        ),
        pytest.param(lambda image: (image.parent / "out" / "result.json").unlink(), id="no result"),
        pytest.param(edit(status="failed"), id="failed"),
        pytest.param(edit(file="b.tif"), id="of another file"),
        pytest.param(edit(figures=None), id="of a former version"),
        pytest.param(edit(image={}), id="no hash"),
    ],
)
def test_what_no_longer_holds_is_not_finished(image: Path, spoil: Callable[[Path], object]) -> None:
    spoil(image)
    assert finished(image, image.parent / "out", RECORD) is None
