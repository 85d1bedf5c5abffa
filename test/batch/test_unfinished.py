"""What is kept of a slide: only for the same bytes and settings, written whole, gone at the end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from batch.stale import remove_stale
from batch.unfinished import FOLDER, Unfinished, has_unfinished, remove_unfinished
from batch.writing import OutputError
from test.batch.builders import record

SCORES = np.array([0.25, 0.5], np.float32)


def compute() -> np.ndarray:
    return SCORES


def must_not_compute() -> np.ndarray:
    raise AssertionError("it is kept")


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    path = tmp_path / "a.svs"
    path.write_bytes(b"slide")
    return path


def test_what_is_finished_is_computed_once(tmp_path: Path, slide: Path) -> None:
    first = Unfinished.open(tmp_path, slide, record(), resume=False)
    assert first("classification/0_0-one_view", compute) is SCORES
    again = Unfinished.open(tmp_path, slide, record(), resume=True)
    kept = again("classification/0_0-one_view", must_not_compute)
    np.testing.assert_array_equal(kept, SCORES)
    assert kept.dtype == np.float32
    remove_unfinished(tmp_path)
    assert not (tmp_path / FOLDER).exists()


@pytest.mark.parametrize("change", ["no resume", "settings", "content"])
def test_what_no_longer_holds_is_dropped(tmp_path: Path, slide: Path, change: str) -> None:
    Unfinished.open(tmp_path, slide, record(), resume=False)("a/0_0", compute)
    if change == "content":
        slide.write_bytes(b"other")
    made = record(threshold=0.6) if change == "settings" else record()
    later = Unfinished.open(tmp_path, slide, made, resume=change != "no resume")
    np.testing.assert_array_equal(later("a/0_0", lambda: SCORES + 1), SCORES + 1)


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", b"\x80\x04K\x01."])
def test_a_damaged_array_is_computed_again(tmp_path: Path, slide: Path, damage: bytes) -> None:
    """The last content is a pickle, which is not loaded."""
    kept = Unfinished.open(tmp_path, slide, record(), resume=False)
    kept("a/0_0", compute)
    (tmp_path / FOLDER / "a" / "0_0.npy").write_bytes(damage)
    np.testing.assert_array_equal(kept("a/0_0", lambda: SCORES + 1), SCORES + 1)


def test_a_link_is_not_followed(tmp_path: Path, slide: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine.txt").write_text("mine")
    results = tmp_path / "out"
    results.mkdir()
    (results / FOLDER).symlink_to(elsewhere)
    Unfinished.open(results, slide, record(), resume=True)
    assert (elsewhere / "mine.txt").read_text() == "mine"
    assert not (results / FOLDER).is_symlink()


def test_a_later_run_removes_it_where_the_slide_is_gone(tmp_path: Path, slide: Path) -> None:
    Unfinished.open(tmp_path / "out" / "a", slide, record(), resume=False)("a/0_0", compute)
    other = tmp_path / "out" / "b" / FOLDER
    other.mkdir(parents=True)  # of somebody else: without a key
    remove_stale(tmp_path / "out", keep_finished=True)
    assert has_unfinished(tmp_path / "out" / "a")
    remove_stale(tmp_path / "out")
    assert not (tmp_path / "out" / "a").exists() and other.is_dir()


def test_a_folder_that_cannot_be_written(tmp_path: Path, slide: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError):
        Unfinished.open(tmp_path / "out", slide, record(), resume=True)
