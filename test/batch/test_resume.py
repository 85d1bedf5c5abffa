"""What counts as finished: nothing that differs by a byte or a setting from a new run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from batch.resume import finished
from model.weights import file_sha256

RECORD: dict[str, Any] = {
    "settings": {"adaptation": "none", "seed": 0, "pair": (1, 2)},
    "versions": {"torch": "1"},
    "weights": {"sha256": "ab"},
    "source_bank": {"sha256": None},
}


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image, and beside it in out/ what a run would have written of it."""
    path, out = tmp_path / "a.tif", tmp_path / "out"
    path.write_bytes(b"pixels")
    out.mkdir()
    (out / "mitotic-figures.json").write_text("{}")
    result = {
        "file": "a.tif",
        "status": "ok",
        "image": {"path": "../a.tif", "bytes": 6, "sha256": file_sha256(path)},
        "figures": {"sha256": file_sha256(out / "mitotic-figures.json")},
    }
    (out / "result.json").write_text(json.dumps(RECORD | result))
    return path


def test_what_was_made_alike_is_finished(image: Path) -> None:
    result = finished(image, image.parent / "out", RECORD)
    assert result is not None and result["file"] == "a.tif"
    other = RECORD | {"versions": {"torch": "2"}}
    assert finished(image, image.parent / "out", other) == result


@pytest.mark.parametrize("key", ["settings", "weights", "source_bank"])
def test_what_was_made_otherwise_is_not(image: Path, key: str) -> None:
    assert finished(image, image.parent / "out", RECORD | {key: {"sha256": "other"}}) is None
    assert finished(image, image.parent / "out", {k: RECORD[k] for k in RECORD if k != key}) is None


def test_one_setting_more_is_another_setting(image: Path) -> None:
    more = RECORD | {"settings": RECORD["settings"] | {"threshold": 0.5}}
    assert finished(image, image.parent / "out", more) is None


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
