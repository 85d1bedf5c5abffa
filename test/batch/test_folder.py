"""A folder: what is written for each image, and that a bad one does not stop the others."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from batch.challenge_json import Format
from batch.documents import Record, read_result, read_summary
from batch.folder import FolderSettings, process_folder
from batch.writing import OutputError
from model.adaptation.record import AdaptationRecord
from model.detections import Detections
from model.detector import Detector
from report.write import write
from slide.image import Image
from test.batch.builders import record
from test.model.builders import field, tiny_detector
from training.tiff import write_tiff

SCHEMAS = Path(__file__).parents[1] / "schemas"
RECORD = record()


@pytest.fixture(scope="module")
def detector() -> Detector:
    return tiny_detector("none")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def add(source: Path, name: str, seed: int = 0, mpp: float = 0.25) -> None:
    write_tiff(source / name, field(seed=seed, size=(120, 150), mpp=mpp), mpp)


def process(
    detector: Any,
    source: Path,
    output_format: Format = "2025",
    mpp: float | None = None,
    record: Record = RECORD,
    resume: bool = False,
) -> tuple[Path, list[str]]:
    """The output folder and the failures."""
    output = source.parent / "out"
    settings = FolderSettings(source, output, record, output_format, mpp, resume=resume)
    return output, process_folder(detector, settings)


def read(*parts: Any) -> Any:
    return json.loads(Path(*parts).read_text())


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


# ---------------------------------------------------------------------------------- what is written


def test_one_image(detector: Detector, source: Path, capfd: pytest.CaptureFixture[str]) -> None:
    add(source, "slide.tif", mpp=0.24)
    output, failures = process(detector, source)
    assert failures == []
    assert tree(output) == {"mitotic-figures.json", "result.json", "results.json"}
    result = read(output, "result.json")
    assert result["file"] == "slide.tif" and result["status"] == "ok"
    assert result["error"] is None and result["warnings"] == []
    assert result["size_px"] == [150, 120] and result["origin_mm"] == [0, 0]
    assert result["pixel_size_um"] == pytest.approx([0.24, 0.24])
    assert result["threshold"] == 0.5
    read_back = read_result(output / "result.json")
    assert all(getattr(read_back, name) == value for name, value in RECORD)
    assert set(result["seconds"]) == {
        "read", "candidates", "patches", "classification", "adaptation", "total",
    }  # fmt: skip
    detections = result["detections"]
    assert 0 < len(detections) <= result["candidates"]
    assert set(detections[0]) == {"x", "y", "probability", "probability_without_adaptation"}
    probabilities = [d["probability"] for d in detections]
    assert probabilities == sorted(probabilities, reverse=True) and probabilities[-1] >= 0.01
    captured = capfd.readouterr()
    assert captured.err == ""
    positives = sum(p >= 0.5 for p in probabilities)
    first, *others = captured.out.splitlines()
    assert first.startswith(f"[1/1] slide.tif: {positives} mitotic figure{'s' * (positives != 1)}")
    assert f" {result['candidates']} candidates, " in first and "  adaptation: off" in others
    summary = read(output, "results.json")
    assert summary == {
        "schema_version": 2,
        "skipped": [],
        "copies": [],
        "files": {},
        "review": None,
        "images": [
            {
                "file": "slide.tif",
                "folder": "",
                "status": "ok",
                "error": None,
                "mitotic_figures": positives,
                "counts": result["counts"],
                "candidates": result["candidates"],
                "seconds": result["seconds"]["total"],
                "group": None,
                "review": None,
            }
        ],
    }


@pytest.mark.parametrize("output_format", ["2021", "2022", "2025"])
def test_challenge_s_file_holds_the_same_detections_in_millimetres(
    detector: Detector, source: Path, output_format: Format
) -> None:
    add(source, "slide.tif", mpp=0.24)
    output, _ = process(detector, source, output_format)
    figures = read(output, "mitotic-figures.json")
    jsonschema.validate(figures, read(SCHEMAS, f"{output_format}.json"))
    detections = read(output, "result.json")["detections"]
    if output_format == "2021":
        detections = [d for d in detections if d["probability"] >= 0.5]
    expected = [[d["x"] * 0.00024, d["y"] * 0.00024, 0] for d in detections]
    points = [point["point"] for point in figures["points"]]
    np.testing.assert_allclose(points, expected, atol=1e-6)
    if output_format != "2021":
        probabilities = [point["probability"] for point in figures["points"]]
        assert probabilities == [d["probability"] for d in detections]


def test_several_images(detector: Detector, source: Path) -> None:
    for name in ("b.tif", "a.tif", "a.TIFF"):
        add(source, name, seed=len(name))
    output, failures = process(detector, source)
    assert failures == []
    images = read(output, "results.json")["images"]
    assert [(i["file"], i["folder"]) for i in images] == [
        ("a.TIFF", "a.TIFF"), ("a.tif", "a.tif"), ("b.tif", "b"),
    ]  # fmt: skip
    for image in images:
        assert read(output, image["folder"], "result.json")["file"] == image["file"]
        assert (output / image["folder"] / "mitotic-figures.json").is_file()


def test_summary_is_rewritten_after_each_image(source: Path) -> None:
    lengths = []

    class Watching:
        settings = tiny_detector("none").settings

        def detect(self, *_: object, **__: object) -> Detections:
            path = source.parent / "out" / "results.json"
            lengths.append(len(read(path)["images"]) if path.exists() else 0)
            return nothing()

    for name in "abc":
        add(source, f"{name}.tif")
    process(Watching(), source)
    assert lengths == [0, 1, 2]


def nothing(**adaptation: Any) -> Detections:
    """No candidate in an image."""
    empty = np.zeros(0, np.float32)
    record = AdaptationRecord(**{"name": "none"} | adaptation)
    return Detections(np.zeros((0, 2)), empty, empty, 0, False, record, {})


def test_warnings(source: Path, capfd: pytest.CaptureFixture[str]) -> None:
    class Found:
        settings = tiny_detector("none").settings

        def detect(self, *_: object, **__: object) -> Detections:
            return nothing(fallback="adaptation diverged")

    add(source, "a.tif")
    output, failures = process(Found(), source)
    expected = [
        "no candidates found: is this H&E tissue?",
        "network not adapted: adaptation diverged",
    ]
    assert failures == [] and read(output, "result.json")["warnings"] == expected
    assert capfd.readouterr().out.endswith("".join(f"\n  note: {line}" for line in expected) + "\n")


def test_few_candidates_are_noted(detector: Detector, source: Path) -> None:
    marked = field(size=(600, 600))
    marked[300:303] = 20, 20, 100  # thin, so that the map of the tissue does not show it
    write_tiff(source / "a.tif", marked, 0.25)
    output, _ = process(detector, source)
    (warning,) = read(output, "result.json")["warnings"]
    assert warning.endswith(
        "mm² of tissue: marks drawn on the pixels, or unusual colours, may hide the others"
    )


def test_drawn_marks_are_noted(detector: Detector, source: Path) -> None:
    marked = field(size=(600, 600))
    marked[300:302, 100:300] = 0, 255, 0
    write_tiff(source / "a.tif", marked, 0.25)
    output, _ = process(detector, source)
    (warning,) = read(output, "result.json")["warnings"]
    assert warning == (
        "400 px of the tissue have colours of drawn lines or points: figures beside them may be "
        "missed"
    )


def test_copies_of_an_image_are_named(
    detector: Detector, source: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.tif", "b.tif", "c.tif"):
        add(source, name, mpp=0.25)
    (source / "b.tif").write_bytes((source / "a.tif").read_bytes())
    write_tiff(source / "c.tif", field(), 0.24)
    output, _ = process(detector, source)
    shown = capfd.readouterr().out
    assert "the same image, and each counts: a.tif, b.tif\n" in shown
    assert shown.count("each counts") == 1
    assert read_summary(output / "results.json").copies == [["a.tif", "b.tif"]]
    write(output, ["report"])
    page = (output / "report.html").read_text()
    assert "each counts</h2>\n<ul><li>a.tif, b.tif</li></ul>" in page


def test_ink_like_nuclei_is_noted(detector: Detector, source: Path) -> None:
    marked = field(size=(600, 600))
    marked[300:340] = 75, 0, 130
    write_tiff(source / "a.tif", marked, 0.25)
    output, _ = process(detector, source)
    (warning,) = read(output, "result.json")["warnings"]
    assert warning.endswith(
        "mm² of tissue are as dark and blue as nuclei, but longer: if that is ink, ignore "
        "detections there"
    )


def test_another_pixel_size_is_noted(detector: Detector, source: Path) -> None:
    add(source, "a.tif", mpp=0.5)
    output, _ = process(detector, source)
    assert read(output, "result.json")["warnings"] == [
        "pixels of 0.500 x 0.500 µm: resampled to the training resolution"
    ]


def test_stated_pixel_size_is_used(detector: Detector, source: Path) -> None:
    add(source, "a.tif", mpp=0.25)
    output, _ = process(detector, source, mpp=0.26)
    result = read(output, "result.json")
    assert result["pixel_size_um"] == [0.26, 0.26] and result["pixel_size_source"] == "--mpp"


# ----------------------------------------------------------------------------------------- failures


def test_bad_image_in_the_middle(
    detector: Detector, source: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    add(source, "a.tif")
    (source / "b.tif").write_bytes(b"no image at all")
    (source / "c.mha").write_bytes(b"-")
    add(source, "d.tif")
    (source / "notes.txt").touch()
    (source / "sheet.xlsx").touch()
    output, failures = process(detector, source)
    images = read(output, "results.json")["images"]
    assert [i["status"] for i in images] == ["ok", "failed", "failed", "ok"]
    assert tree(output) == {
        "results.json", "a/result.json", "a/mitotic-figures.json", "b/result.json",
        "c/result.json", "d/result.json", "d/mitotic-figures.json",
    }  # fmt: skip
    assert len(failures) == 2
    assert failures[0].startswith("b.tif: ") and failures[1].startswith(
        "c.mha: not a MetaImage file"
    )
    assert all("\n" not in line for line in failures)
    failed = read(output, "b", "result.json")
    assert failed["status"] == "failed" and failures[0] == f"b.tif: {failed['error']}"
    assert failed["settings"] == RECORD.settings.model_dump()
    captured = capfd.readouterr()
    assert captured.err.splitlines() == [f"error: {line}" for line in failures]
    assert "skipped sheet.xlsx: not a format that is read" in captured.out
    assert "notes.txt" not in captured.out, "results.json lists it"
    skipped = [line.split(":")[0] for line in read(output, "results.json")["skipped"]]
    assert skipped == ["notes.txt", "sheet.xlsx"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "not enough memory: give the process more, or cut the image into parts"),
        (RuntimeError("odd"), "unexpected RuntimeError: odd"),
        (OSError(5, "Input/output error"), "unexpected OSError: [Errno 5] Input/output error"),
    ],
)
def test_whatever_happens_the_others_go_on(source: Path, error: Exception, reason: str) -> None:
    class Failing:
        settings = tiny_detector("none").settings
        calls = 0

        def detect(self, *_: object, **__: object) -> Detections:
            self.calls += 1
            if self.calls == 2:
                raise error
            return nothing()

    for name in "abc":
        add(source, f"{name}.tif")
    output, (failure,) = process(Failing(), source)
    assert failure.startswith("b.tif: " + reason)
    statuses = [i["status"] for i in read(output, "results.json")["images"]]
    assert statuses == ["ok", "failed", "ok"]


def test_a_failure_leaves_no_earlier_result(detector: Detector, source: Path) -> None:
    add(source, "a.tif")
    output, _ = process(detector, source)
    (source / "a.tif").write_bytes(b"damaged since")
    _, failures = process(detector, source)
    assert len(failures) == 1 and not (output / "mitotic-figures.json").exists()
    assert read(output, "result.json")["status"] == "failed"


def test_result_that_cannot_be_written(detector: Detector, source: Path) -> None:
    add(source, "a.tif")
    add(source, "b.tif")
    (source.parent / "out").mkdir()
    (source.parent / "out" / "a").write_text("a file where a folder is needed")
    output, (failure,) = process(detector, source)
    assert failure.startswith("a.tif: the result cannot be written (")
    assert failure.endswith("rename it, or give another folder")
    assert (output / "b" / "mitotic-figures.json").is_file()
    images = read(output, "results.json")["images"]
    assert [(i["folder"], i["status"]) for i in images] == [("a", "failed"), ("b", "ok")]
    assert failure == f"a.tif: {images[0]['error']}"


def test_a_result_that_is_not_json_fails_its_image_only(source: Path) -> None:
    class Confused:
        settings = tiny_detector("none").settings
        calls = 0

        def detect(self, *_: object, **__: object) -> Detections:
            self.calls += 1
            return nothing(drift=float("nan" if self.calls == 1 else 0))

    for name in "ab":
        add(source, f"{name}.tif")
    output, (failure,) = process(Confused(), source)
    assert failure.startswith("a.tif: unexpected ValueError: Out of range float values are not ")
    assert tree(output) == {
        "results.json", "a/result.json", "b/result.json", "b/mitotic-figures.json",
    }  # fmt: skip
    assert [i["status"] for i in read(output, "results.json")["images"]] == ["failed", "ok"]


def test_a_problem_of_reading_is_not_reported_as_one_of_writing(
    detector: Detector, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Image:
        raise OSError(24, "Too many open files")

    add(source, "a.tif")
    monkeypatch.setattr("batch.reading.read_image", fail)
    _, failures = process(detector, source)
    assert failures == ["a.tif: cannot be read (Too many open files): try again"]


def test_a_summary_that_cannot_be_written_is_an_error(
    detector: Detector, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add(source, "a.tif")
    (source.parent / "out" / "results.json").mkdir(parents=True)
    output, (failure,) = process(detector, source)
    assert failure.startswith("results.json: the result cannot be written (")
    assert read(output, "result.json")["status"] == "ok"
    assert capsys.readouterr().err == f"error: {failure}\n"


# ------------------------------------------------------------------------------------------ resume


class Counting:
    """Finds nothing, keeps how often it looked, and is interrupted at the image after `stop`."""

    settings = tiny_detector("none").settings

    def __init__(self, stop: int | None = None) -> None:
        self.calls = 0
        self._stop = stop

    def detect(self, *_: object, **__: object) -> Detections:
        if self.calls == self._stop:
            raise KeyboardInterrupt
        self.calls += 1
        return nothing()


def stamps(output: Path) -> dict[str, int]:
    """When each image's files were written."""
    return {name: (output / name).stat().st_mtime_ns for name in tree(output) if "/" in name}


def test_resume_does_the_rest_and_nothing_twice(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "abcd":
        add(source, f"{name}.tif")
    with pytest.raises(KeyboardInterrupt):
        process(Counting(stop=2), source)
    (source / "b.tif").write_bytes(b"damaged since")
    output = source.parent / "out"
    before = stamps(output)
    assert set(before) == {f"{n}/{f}.json" for n in "ab" for f in ("result", "mitotic-figures")}
    capsys.readouterr()

    second = Counting()
    _, (failure,) = process(second, source, resume=True)
    assert second.calls == 2 and failure.startswith("b.tif: ")
    images = read(output, "results.json")["images"]
    assert [(i["file"], i["status"]) for i in images] == [
        ("a.tif", "ok"), ("b.tif", "failed"), ("c.tif", "ok"), ("d.tif", "ok"),
    ]  # fmt: skip
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "1 of 4 images are finished already"
    assert [line.split(":")[0] for line in shown if line.startswith("[")] == [
        "[3/4] c.tif", "[4/4] d.tif",
    ]  # fmt: skip
    assert [line.split()[0] for line in shown[-5:]] == ["image", *(i["file"] for i in images)]
    after = stamps(output)
    assert {name for name in before if after.get(name) == before[name]} == {
        "a/result.json", "a/mitotic-figures.json",
    }  # fmt: skip

    third = Counting()
    process(third, source, resume=True)  # what failed is tried again, and fails without detecting
    assert third.calls == 0 and stamps(output).keys() == after.keys()
    assert read(output, "results.json")["images"] == images


def test_the_summary_never_loses_what_is_finished(source: Path) -> None:
    """Interrupted while it resumes, it has listed all that was finished before, in order."""
    for name in "abc":
        add(source, f"{name}.tif")
    output, _ = process(Counting(), source)
    (output / "a" / "result.json").unlink()
    with pytest.raises(KeyboardInterrupt):
        process(Counting(stop=0), source, resume=True)
    files = [image["file"] for image in read(output, "results.json")["images"]]
    assert files == ["b.tif", "c.tif"]


def test_other_settings_are_another_run(source: Path) -> None:
    add(source, "a.tif")
    process(Counting(), source)
    other = Counting()
    process(other, source, record=record(seed=1), resume=True)
    assert other.calls == 1
    again = Counting()
    process(again, source)
    assert again.calls == 1, "without --resume everything is done again"


def test_resume_keeps_nothing_behind_a_link(source: Path) -> None:
    """What was finished while it was followed is not taken up once links are refused."""
    add(source, "a.tif")
    process(Counting(), source)
    (source / "a.tif").rename(source.parent / "elsewhere.tif")
    (source / "a.tif").symlink_to(source.parent / "elsewhere.tif")
    detector = Counting()
    _, (failure,) = process(detector, source, resume=True)
    assert failure.startswith("a.tif: a link out of the input folder") and detector.calls == 0


def test_resume_after_the_images_were_moved(source: Path) -> None:
    add(source, "a.tif")
    output, _ = process(Counting(), source)
    moved = source.rename(source.parent / "elsewhere")
    detector = Counting()
    assert process(detector, moved, resume=True) == (output, [])
    assert detector.calls == 0
    assert read(output, "result.json")["image"]["path"] == "../elsewhere/a.tif"


# ------------------------------------------------------------------------------------------- output


def test_output_that_cannot_be_written_stops_the_run_before_any_image(source: Path) -> None:
    add(source, "a.tif")
    (source.parent / "out").write_text("a file where a folder is needed")
    detector = Counting()
    with pytest.raises(OutputError, match=r"out: the result .*\(File exists\): a file has the"):
        process(detector, source)
    assert detector.calls == 0


def test_full_disk_ends_the_folder_and_leaves_what_is_finished(
    source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A disk that fills up after the first image; then there is room again."""
    for name in "abcd":
        add(source, f"{name}.tif")

    class Filling(Counting):
        def detect(self, *_: object, **__: object) -> Detections:
            if self.calls == 1:
                monkeypatch.setattr(os, "fsync", full)
            return super().detect()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    detector = Filling()
    output, failures = process(detector, source)
    assert detector.calls == 2
    assert failures == capsys.readouterr().err.replace("error: ", "").splitlines()
    assert failures[0].startswith("b.tif: the result cannot be written (No space left on device)")
    assert failures[1:] == [
        f"{output}: nothing can be written there, so the other 2 were not begun: run again with "
        "--resume when it can"
    ]
    assert tree(output) == {"results.json", "a/result.json", "a/mitotic-figures.json"}
    before = stamps(output)
    monkeypatch.undo()
    second = Counting()
    assert process(second, source, resume=True) == (output, [])
    assert second.calls == 3 and before.items() <= stamps(output).items()


def test_an_output_that_vanishes_is_an_error(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "abc":
        add(source, f"{name}.tif")
    output = source.parent / "out"

    class Taking(Counting):
        def detect(self, *_: object, **__: object) -> Detections:
            if self.calls == 2:
                shutil.rmtree(output)
            return super().detect()

    _, (failure,) = process(Taking(), source)
    assert failure == (
        f"{output}: results have vanished from it, a.tif the first of 2: run again with --resume"
    )
    assert failure in capsys.readouterr().err
    statuses = [image["status"] for image in read(output, "results.json")["images"]]
    assert statuses == ["failed", "failed", "ok"]
    second = Counting()
    assert process(second, source, resume=True)[1] == []
    assert second.calls == 2
