"""The first image is read early, given away once, and never replaces a check."""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batch import reading
from batch.first_image import reading_first_image
from batch.folder import FolderSettings, process_folder
from batch.options import ROOT
from batch.reading import Reading
from slide.image import Image
from slide.memory import MemoryBudget
from slide.read import read_image
from test.batch.builders import record
from test.model.builders import tiny_detector
from test.rendering import render_tissue
from training.tiff import write_tiff

# Prints while the descriptors are silent.
PRINTING = """
import argparse, sys, threading
from pathlib import Path
from batch import reading
from batch.first_image import reading_first_image
from slide.libraries import output_captured

silent, printed = threading.Event(), threading.Event()
def read(*arguments):
    with output_captured():
        silent.set()
        printed.wait()

reading.read_image = read
options = argparse.Namespace(
    input=Path(sys.argv[1]), mpp=None, manifest=None, resume=False, max_memory=None
)
with reading_first_image(options):
    silent.wait()
    for number in range(100):
        print("line", number)
        print("line", number, file=sys.stderr)
    printed.set()
print("after", file=sys.stderr)
"""


@pytest.fixture
def tissue(tmp_path: Path) -> Path:
    """A folder of two fields."""
    folder = tmp_path / "tissue"
    folder.mkdir()
    for seed, name in enumerate(("a.tif", "b.tif")):
        write_tiff(folder / name, render_tissue((150, 200), figures=1, seed=seed)[0], 0.25)
    return folder


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Names of the files that are read, and of the threads that read them."""
    read, names = read_image, []

    def recorded(path: Path, *arguments: Any) -> Image:
        names.append((path.name, threading.current_thread().name))
        return read(path, *arguments)

    monkeypatch.setattr(reading, "read_image", recorded)
    return names


def options(source: Path, **others: Any) -> argparse.Namespace:
    values = {"mpp": None, "manifest": None, "resume": False, "max_memory": None}
    return argparse.Namespace(input=source, **values | others)


def test_the_first_image_is_given_away_once(tissue: Path) -> None:
    with reading_first_image(options(tissue)) as first:
        found = first.take(tissue / "a.tif", Reading(tissue))
        assert first.take(tissue / "a.tif", Reading(tissue)) is None
    assert found is not None and found.seconds > 0
    expected = read_image(tissue / "a.tif")
    assert isinstance(found.image, Image)
    np.testing.assert_array_equal(found.image.pixels, expected.pixels)
    assert found.image.spacing == expected.spacing


def test_a_pixel_size_that_the_user_states_is_the_image_s(tissue: Path) -> None:
    with reading_first_image(options(tissue, mpp=0.5)) as first:
        found = first.take(tissue / "a.tif", Reading(tissue, mpp=0.5))
    assert found is not None and isinstance(found.image, Image)
    assert found.image.spacing == (0.0005, 0.0005)


def test_another_image_is_not_replaced(tissue: Path) -> None:
    with reading_first_image(options(tissue)) as first:
        assert first.take(tissue / "b.tif", Reading(tissue)) is None
        assert first.take(tissue / "a.tif", Reading(tissue)) is None  # dropped


def test_an_image_over_the_budget_is_not_given_away(tissue: Path) -> None:
    small = MemoryBudget(limit=1000, resting=0, working=0, detecting=0)
    with reading_first_image(options(tissue)) as first:
        assert first.take(tissue / "a.tif", Reading(tissue, budget=small)) is None


@pytest.mark.parametrize("limit", [0.5, 1.8])
def test_little_memory_leaves_the_reading_to_its_turn(tissue: Path, limit: float) -> None:
    with reading_first_image(options(tissue, max_memory=limit)) as first:
        assert first.take(tissue / "a.tif", Reading(tissue)) is None
    with reading_first_image(options(tissue, max_memory=4)) as first:
        assert first.take(tissue / "a.tif", Reading(tissue)) is not None


@pytest.mark.parametrize(
    "others", [{"resume": True}, {"manifest": Path("list.csv")}], ids=["resume", "manifest"]
)
def test_nothing_is_read_where_the_first_image_is_not_easily_said(
    tissue: Path, threads: list[tuple[str, str]], others: dict[str, Any]
) -> None:
    with reading_first_image(options(tissue, **others)) as first:
        assert first.take(tissue / "a.tif", Reading(tissue)) is None
    assert threads == []


def test_what_cannot_be_read_is_not_offered(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.tif").write_bytes(b"II*\0 no image")
    (tmp_path / "slide.svs").write_bytes(b"II*\0 no slide")
    for name in ("empty", "missing", "a.tif", "slide.svs"):
        with reading_first_image(options(tmp_path / name)) as first:
            assert first.take(tmp_path / name, Reading()) is None


def test_a_link_out_of_the_folder_is_not_read(
    tissue: Path, tmp_path: Path, threads: list[tuple[str, str]]
) -> None:
    folder = tmp_path / "links"
    folder.mkdir()
    (folder / "a.tif").symlink_to(tissue / "a.tif")
    with reading_first_image(options(folder)) as first:
        assert first.take(folder / "a.tif", Reading(folder)) is None
    assert threads == []


def test_a_run_reads_each_image_once(
    tissue: Path, tmp_path: Path, threads: list[tuple[str, str]]
) -> None:
    chosen = FolderSettings(tissue, tmp_path / "out", record())
    with reading_first_image(options(tissue)) as first:
        assert process_folder(tiny_detector("none"), chosen, first) == []
    assert [name for name, _ in threads] == ["a.tif", "b.tif"]
    assert len({thread for _, thread in threads}) == 2


def test_what_the_main_thread_prints_meanwhile_is_not_lost(tissue: Path) -> None:
    done = python(PRINTING, str(tissue))
    assert done.stdout == "".join(f"line {number}\n" for number in range(100))
    assert done.stderr == done.stdout + "after\n"


def test_reading_does_not_wait_for_torch() -> None:
    assert (
        python("import sys, batch.first_image; print('torch' in sys.modules)").stdout == "False\n"
    )


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True)
