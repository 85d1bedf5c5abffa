"""OUTPUT describes the latest run: what earlier runs left is removed, and only that."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from batch.documents import Record
from batch.folder import FolderSettings, process_folder
from batch.writing import OutputError
from model.adaptation.record import AdaptationRecord
from model.detections import Detections
from report.write import KINDS, write
from test.batch.builders import record
from test.model.builders import field, tiny_detector
from training.tiff import write_tiff

RECORD = record()
OF_IMAGE = {"result.json", "mitotic-figures.json"}
FOR_PEOPLE = {"overlay.png", "thumbnail.png", "detections.geojson"}
TABLES = {"detections.csv", "detections.parquet"}
OF_FOLDER = {"results.json", "report.html"} | TABLES


class Output:
    """An input and an output folder, and runs from the one to the other."""

    def __init__(self, folder: Path) -> None:
        self.source, self.output = folder / "in", folder / "out"
        self.source.mkdir()

    def images(self, *names: str) -> None:
        """Put these images into the input, and no others."""
        for path in self.source.iterdir():
            path.unlink()
        for name in names:
            write_tiff(self.source / name, PIXELS[name[0]], 0.25)

    def run(self, resume: bool = False, record: Record = RECORD, report: bool = False) -> int:
        """Process the input; how often the detector was asked."""
        detector = Counting()
        settings = FolderSettings(self.source, self.output, record, resume=resume)
        process_folder(detector, settings)  # type: ignore[arg-type]
        if report:
            assert write(self.output, KINDS) == []
        return detector.calls

    def files(self) -> set[str]:
        """All files in the output."""
        paths = self.output.rglob("*")
        return {str(p.relative_to(self.output)) for p in paths if p.is_file()}

    def described(self) -> dict[str, str]:
        """The image that each result.json describes, by folder."""
        return {
            str(path.parent.relative_to(self.output)): json.loads(path.read_text())["file"]
            for path in self.output.rglob("result.json")
        }


class Counting:
    """Finds the same in every image, and counts them."""

    settings = tiny_detector("none").settings

    def __init__(self) -> None:
        self.calls = 0

    def detect(self, *_: object, **__: object) -> Detections:
        self.calls += 1
        return Detections(
            points=np.array([[30.25, 40.5], [60.0, 20.125], [100.0, 90.0]]),
            probabilities=np.array([0.9, 0.5, 0.02], np.float32),
            without_adaptation=np.array([0.8, 0.6, 0.01], np.float32),
            candidates=5,
            rescaled=False,
            adaptation=AdaptationRecord(name="none"),
            seconds={},
        )


PIXELS: dict[str, np.ndarray] = {
    name: field(seed=seed, size=(100, 120)) for seed, name in enumerate("abc")
}


@pytest.fixture
def folder(tmp_path: Path) -> Output:
    return Output(tmp_path)


def inside(folder: str, names: set[str]) -> set[str]:
    return {f"{folder}/{name}" for name in names}


# --------------------------------------------------------------------------------------- situations


def test_one_image_then_two(folder: Output) -> None:
    folder.images("a.tif")
    folder.run(report=True)
    assert folder.files() == OF_IMAGE | FOR_PEOPLE | OF_FOLDER
    folder.images("a.tif", "b.tif")
    folder.run()
    assert folder.files() == {"results.json"} | inside("a", OF_IMAGE) | inside("b", OF_IMAGE)


def test_two_images_then_one(folder: Output) -> None:
    folder.images("a.tif", "b.tif")
    folder.run(report=True)
    folder.images("b.tif")
    folder.run()
    assert folder.files() == OF_IMAGE | {"results.json"}
    assert not (folder.output / "a").exists(), "nor an empty folder"


def test_another_image(folder: Output) -> None:
    folder.images("a.tif")
    folder.run(report=True)
    folder.images("b.tif")
    folder.run()
    assert folder.files() == OF_IMAGE | {"results.json"}
    assert folder.described() == {".": "b.tif"}


def test_other_images(folder: Output) -> None:
    folder.images("a.tif", "b.tif")
    folder.run(report=True)
    folder.images("b.tif", "c.tif")
    folder.run()
    assert folder.described() == {"b": "b.tif", "c": "c.tif"}
    assert not (TABLES | {"report.html"}) & folder.files()


def test_the_same_name_with_other_content(folder: Output) -> None:
    folder.images("a.tif")
    folder.run(report=True)
    write_tiff(folder.source / "a.tif", PIXELS["b"], 0.25)
    folder.run()
    assert folder.files() == OF_IMAGE | {"results.json"}


@pytest.mark.parametrize("left", [[], ["notes.txt"], ["a.png"]])
def test_an_empty_folder(folder: Output, left: list[str]) -> None:
    folder.images("a.tif")
    folder.run(report=True)
    folder.images()
    for name in left:
        (folder.source / name).write_text("-")
    with pytest.raises(FileNotFoundError, match="no image to process"):
        folder.run()
    assert folder.files() == set()


def test_a_failed_image(folder: Output) -> None:
    folder.images("a.tif")
    folder.run(report=True)
    (folder.source / "a.tif").write_bytes(b"damaged since")
    folder.run()
    assert folder.files() == {"result.json", "results.json"}
    assert json.loads((folder.output / "result.json").read_text())["status"] == "failed"


def test_results_of_0_1_0(folder: Output) -> None:
    """Which kept no hashes of the files for people."""
    folder.images("a.tif", "b.tif")
    folder.run(report=True)
    (folder.output / "detections.parquet").unlink()  # which it did not write
    for path in [*folder.output.rglob("result*.json")]:
        content = json.loads(path.read_text())
        for key in ("schema_version", "files", "skipped"):
            content.pop(key, None)
        path.write_text(json.dumps(content, indent=1))
    folder.images("c.tif")
    folder.run()
    assert folder.files() == OF_IMAGE | {"results.json"}


def test_the_input_may_be_the_output(folder: Output) -> None:
    """Overlays are not taken for images, nor images for results."""
    folder.images("a.tif")
    folder.output = folder.source
    folder.run(report=True)
    settings = FolderSettings(folder.source, folder.output, RECORD, mpp=0.25)
    process_folder(Counting(), settings)  # type: ignore[arg-type]
    assert folder.files() == OF_IMAGE | {"a.tif", "results.json"}


def test_a_run_that_was_killed(folder: Output) -> None:
    """Between the removal of result.json and of the figures, or while a file was written."""
    folder.images("a.tif", "b.tif")
    folder.run()
    (folder.output / "a" / "result.json").unlink()
    (folder.output / "a" / ".mitotic-figures.json.x1.part").write_text("{")
    folder.images("b.tif", "c.tif")
    folder.run()
    assert folder.described() == {"b": "b.tif", "c": "c.tif"}
    assert not (folder.output / "a").exists()


# ------------------------------------------------------------------------------ what is not removed


@pytest.mark.parametrize("input_is", ["missing", "unreadable"])
def test_an_input_that_cannot_be_listed_changes_nothing(folder: Output, input_is: str) -> None:
    folder.images("a.tif")
    folder.run(report=True)
    before = folder.files()
    folder.source.rename(folder.source.with_name("elsewhere"))
    if input_is == "unreadable":
        os.mkfifo(folder.source)
    with pytest.raises(OSError, match="in'"):
        folder.run()
    assert folder.files() == before


def test_an_output_that_cannot_be_written_changes_nothing(
    folder: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.images("a.tif")
    folder.run(report=True)
    before = folder.files()
    folder.images("b.tif")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        folder.run()
    assert folder.files() == before


FOREIGN = {
    "notes.txt": "mine",
    "a/review.json": "{}",
    "results/result.json": '{"accuracy": 1}',
    "other/mitotic-figures.json": '{"type": "Multiple points", "points": []}',
    "b/overlay.png": "not a picture",
    "detections.geojson": '{"type": "FeatureCollection", "features": []}',
    "kept/data.csv": "1,2",
}


def test_foreign_files_stay(folder: Output) -> None:
    folder.images("a.tif", "b.tif")
    folder.run()
    for name, content in FOREIGN.items():
        (folder.output / name).parent.mkdir(exist_ok=True)
        (folder.output / name).write_text(content)
    (folder.output / "empty").mkdir()
    folder.images("c.tif")
    folder.run()
    assert folder.files() == set(FOREIGN) | OF_IMAGE | {"results.json"}
    assert all((folder.output / name).read_text() == text for name, text in FOREIGN.items())
    assert (folder.output / "empty").is_dir()


def test_the_output_of_another_run_in_a_subfolder_stays(folder: Output) -> None:
    """As where `found/none` and `found` are both outputs."""
    folder.images("a.tif")
    top = folder.output
    folder.output = top / "a"
    folder.run(report=True)
    folder.output = top
    before = {name: (top / name).read_bytes() for name in folder.files()}
    folder.images("b.tif")
    folder.run()
    assert {name: (top / name).read_bytes() for name in before} == before
    assert folder.described() == {"a": "a.tif", ".": "b.tif"}


@pytest.mark.parametrize("name", sorted(FOR_PEOPLE | TABLES | {"report.html"}))
def test_a_file_that_was_changed_stays(folder: Output, name: str) -> None:
    """It may be a review."""
    folder.images("a.tif")
    folder.run(report=True)
    with (folder.output / name).open("ab") as file:
        file.write(b"reviewed")
    reviewed = (folder.output / name).read_bytes()
    folder.images("b.tif")
    folder.run()
    assert folder.files() == OF_IMAGE | {"results.json", name}
    assert (folder.output / name).read_bytes() == reviewed


@pytest.mark.parametrize("name", ["result.json", "results.json", "mitotic-figures.json"])
def test_a_foreign_file_under_a_name_that_is_needed_is_set_aside(folder: Output, name: str) -> None:
    folder.images("a.tif")
    folder.output.mkdir()
    (folder.output / name).write_text('{"accuracy": 1}')
    folder.run()
    aside = f"{Path(name).stem}.kept-1.json"
    assert folder.files() == OF_IMAGE | {"results.json", aside}
    assert (folder.output / aside).read_text() == '{"accuracy": 1}'


# ----------------------------------------------------------------------------------------- --resume


def test_resume_keeps_finished_results_of_other_images(folder: Output) -> None:
    folder.images("a.tif", "b.tif")
    folder.run()
    (folder.source / "b.tif").write_bytes(b"damaged")
    folder.run()
    folder.images("c.tif", "b.tif")
    assert folder.run(resume=True) == 2
    assert folder.described() == {"a": "a.tif", "b": "b.tif", "c": "c.tif"}
    listed = json.loads((folder.output / "results.json").read_text())["images"]
    assert [image["file"] for image in listed] == ["b.tif", "c.tif"]


def test_resume_after_one_image_got_company(folder: Output) -> None:
    """Its result moves into a folder of its own, and back, and is not made again."""
    folder.images("a.tif")
    folder.run(report=True)
    digest = hashlib.sha256((folder.output / "mitotic-figures.json").read_bytes()).hexdigest()
    folder.images("a.tif", "b.tif")
    assert folder.run(resume=True) == 1
    assert folder.described() == {"a": "a.tif", "b": "b.tif"}
    moved = json.loads((folder.output / "a" / "result.json").read_text())
    assert moved["image"]["path"] == "../../in/a.tif" and moved["figures"]["sha256"] == digest
    assert "mitotic-figures.json" not in folder.files()
    assert inside("a", FOR_PEOPLE) <= folder.files()
    folder.images("a.tif")
    assert folder.run(resume=True) == 0
    assert folder.described() == {".": "a.tif", "b": "b.tif"}


def test_resume_with_another_image_loses_nothing(folder: Output) -> None:
    folder.images("a.tif")
    folder.run()
    folder.images("b.tif")
    assert folder.run(resume=True) == 1
    assert folder.described() == {".": "b.tif", "a": "a.tif"}
    folder.images("a.tif")
    assert folder.run(resume=True) == 0
    assert folder.described() == {".": "a.tif", "b": "b.tif"}


def test_resume_keeps_the_page_where_nothing_has_changed(folder: Output) -> None:
    folder.images("a.tif", "b.tif")
    folder.run(report=True)
    before = folder.files()
    assert folder.run(resume=True) == 0 and folder.files() == before
    folder.images("a.tif", "b.tif", "c.tif")
    assert folder.run(resume=True) == 1
    assert not OF_FOLDER - {"results.json"} & folder.files(), "they lack an image"


def test_resume_with_an_empty_folder_keeps_finished_results(folder: Output) -> None:
    folder.images("a.tif")
    folder.run()
    folder.images()
    with pytest.raises(FileNotFoundError):
        folder.run(resume=True)
    assert folder.files() >= OF_IMAGE


def test_all_kinds_of_files_were_made() -> None:
    """The situations above are about every kind there is."""
    assert set(KINDS) == {"report", "overlay", "geojson", "csv", "parquet"}
