"""Slides in a folder: results like those of images, and a killed run continues at its tile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from batch.documents import FailedImage, ProcessedImage, read_result
from batch.folder import FolderSettings, process_folder
from batch.layout import FIGURES_FILE, RESULT_FILE
from batch.terminal import Terminal
from batch.unfinished import FOLDER, Unfinished
from model.detector import Detector
from slide.memory import GIB
from test.batch.builders import record
from test.model.builders import tiny_detector
from test.slide.slides import PLACE, SIZE, TILE, Kind, pixels_on_glass, tissue, write_slide
from test.slide.tiff.test_streams import damage_tile, zero_tail
from training.tiff import write_tiff


class Killed(BaseException):
    """Ends the run as a signal does."""


@pytest.fixture(scope="module")
def detector() -> Detector:
    settings = {"guarded": False}
    return tiny_detector(settings=settings, max_steps=1, learning_rate=1e-3)


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slides")
    write_slide(folder / "a.svs", pixels_on_glass(), "svs")
    return folder


def settings(slides: Path, output: Path, resume: bool = False) -> FolderSettings:
    quiet = Terminal(quiet=True)
    return FolderSettings(slides, output, record(), resume=resume, terminal=quiet)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory, slides: Path, detector: Detector) -> Path:
    output = tmp_path_factory.mktemp("output")
    assert process_folder(detector, settings(slides, output)) == []
    return output


def test_the_results_of_a_slide(output: Path) -> None:
    result = read_result(output / RESULT_FILE)
    assert isinstance(result, ProcessedImage) and result.slide is not None
    assert (result.slide.format, result.slide.levels, result.slide.level) == ("aperio", 3, 0)
    assert result.slide.tiles == 4 and result.size_px == SIZE
    assert result.pixel_size_um == (0.25, 0.25) and result.pixel_size_source == "aperio mpp"
    assert result.candidates > 30 and result.detections
    assert result.tissue is not None and result.counts is not None
    assert result.tissue.area_mm2 == pytest.approx(0.1 * 0.08, rel=0.3)
    assert result.counts.whole.tissue_mm2 == pytest.approx(result.tissue.area_mm2)
    assert not (output / FOLDER).exists()


def test_an_image_of_the_challenge_is_not_a_slide(tmp_path: Path, detector: Detector) -> None:
    write_tiff(tmp_path / "a.tif", tissue((160, 200), figures=0), 0.25)
    assert process_folder(detector, settings(tmp_path, tmp_path / "out")) == []
    result = read_result(tmp_path / "out" / RESULT_FILE)
    assert isinstance(result, ProcessedImage) and result.slide is None


@pytest.mark.parametrize("before", [2, pytest.param(6, marks=pytest.mark.slow), 13])
def test_a_killed_run_continues_at_its_tile(
    tmp_path: Path,
    slides: Path,
    detector: Detector,
    output: Path,
    before: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed among the candidates, the first scores, and the scores after adaptation."""
    computed: list[str] = []
    original = Unfinished.__call__

    def counted(self: Unfinished, name: str, compute: Callable[[], np.ndarray]) -> np.ndarray:
        def work() -> np.ndarray:
            if len(computed) == before:
                raise Killed
            computed.append(name)
            return compute()

        return original(self, name, work)

    monkeypatch.setattr(Unfinished, "__call__", counted)
    with pytest.raises(Killed):
        process_folder(detector, settings(slides, tmp_path))
    assert (tmp_path / FOLDER).is_dir() and not (tmp_path / RESULT_FILE).exists()
    first, before = list(computed), -1
    assert process_folder(detector, settings(slides, tmp_path, resume=True)) == []
    assert len(computed) == len(set(computed)) > len(first)  # nothing was computed twice
    assert (tmp_path / FIGURES_FILE).read_bytes() == (output / FIGURES_FILE).read_bytes()
    assert not (tmp_path / FOLDER).exists()


def test_a_slide_that_needs_too_much_memory(
    tmp_path: Path, slides: Path, detector: Detector
) -> None:
    budget = detector.memory_budget(GIB)
    chosen = FolderSettings(
        slides, tmp_path, record(), budget=budget, terminal=Terminal(quiet=True)
    )
    (failure,) = process_folder(detector, chosen)
    assert "2600x2400 pixels" in failure and "--max-memory" in failure
    assert isinstance(read_result(tmp_path / RESULT_FILE), FailedImage)


def test_a_slide_without_a_pixel_size(tmp_path: Path, detector: Detector) -> None:
    write_slide(tmp_path / "a.svs", pixels_on_glass((900, 700), {}), "svs", mpp=None)
    (failure,) = process_folder(detector, settings(tmp_path, tmp_path / "out"))
    assert "no pixel size in the file" in failure and "--mpp" in failure


@pytest.mark.parametrize("kind", ["pages", "svs"])
def test_a_damaged_tile(tmp_path: Path, detector: Detector, kind: Kind) -> None:
    """Whichever library reads the slide, it fails with a reason, and without detections."""
    path = write_slide(tmp_path / "a.svs", pixels_on_glass(), kind)
    damage_tile(path, zero_tail, index=PLACE[1] // TILE * 11 + PLACE[0] // TILE)
    (failure,) = process_folder(detector, settings(tmp_path, tmp_path / "out"))
    assert "damaged, a tile contains zeros" in failure
    assert isinstance(read_result(tmp_path / "out" / RESULT_FILE), FailedImage)


def test_reduced_levels_of_another_slide(tmp_path: Path, detector: Detector) -> None:
    """The tissue map is made of them, so that tissue may be left out."""
    pixels = pixels_on_glass()
    write_slide(tmp_path / "a.svs", pixels, "svs")
    with tifffile.TiffFile(tmp_path / "a.svs", mode="r+") as tiff:
        page = tiff.pages.first
        for name, values in (("Offsets", page.dataoffsets), ("ByteCounts", page.databytecounts)):
            page.tags[f"Tile{name}"].overwrite(values[::-1])
    assert process_folder(detector, settings(tmp_path, tmp_path / "out")) == []
    warning = read_result(tmp_path / "out" / RESULT_FILE).warnings[0]
    assert "differ between the full resolution and a reduced level" in warning
