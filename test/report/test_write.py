"""python -m report: everything from saved results, and what it says where something is missing."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from batch.writing import write_json
from report.__main__ import main
from test.report.builders import failed, result_of, write_output

LIBRARY = Path(__file__).parents[2] / "report" / "vendor" / "openseadragon.min.js"
HOSTILE = '<img src=x onerror="alert(1)">&amp;.tif'


@pytest.fixture
def output(tmp_path: Path) -> Path:
    write_output(tmp_path, [result_of("a.tif"), failed("bad.tif"), result_of(HOSTILE)])
    return tmp_path / "out"


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_all_files(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree(output)
    assert main([str(output)]) == 0
    each = {"overlay.png", "thumbnail.png", "detections.geojson"}
    made = {f"{number}/{name}" for number in (0, 2) for name in each}
    assert tree(output) - before == made | {"detections.csv", "report.html"}
    assert capsys.readouterr().out == f"open {output / 'report.html'} in a browser\n"


def test_only_what_is_named(output: Path) -> None:
    before = tree(output)
    assert main([str(output), "--csv"]) == 0
    assert tree(output) - before == {"detections.csv"}


def test_names_are_escaped_and_nothing_comes_from_elsewhere(output: Path) -> None:
    main([str(output), "--report"])
    page = (output / "report.html").read_text()
    assert "<img src=x" not in page and "&lt;img src=x" in page
    own = page.replace(LIBRARY.read_text(), "")
    assert len(own) < len(page) and "http://www.w3.org/2000/svg" in own
    assert not re.findall("https?://(?!www.w3.org/2000/svg)", own)
    assert "an empty file (0 bytes)" in page and "Not for diagnosis" in page


def test_a_page_is_the_same_every_time(output: Path) -> None:
    main([str(output), "--report"])
    first = (output / "report.html").read_bytes()
    main([str(output), "--report"])
    assert (output / "report.html").read_bytes() == first


def test_moved_images(output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.move(tmp_path / "in", tmp_path / "elsewhere")
    assert main([str(output)]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2 and all(
        "give the folder of the images with --input" in e for e in errors
    )
    page = (output / "report.html").read_text()
    assert "The image was not available" in page and "data:image" not in page
    assert main([str(output), "--input", str(tmp_path / "elsewhere")]) == 0


def test_another_image_of_that_name(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "in" / "a.tif"
    image.write_bytes(image.read_bytes() + b"more")
    assert main([str(output), "--overlay"]) == 1
    assert "is not the file that was processed" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, "no JSON", "{}", '{"images": [{"folder": "9"}]}'])
def test_no_output_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    if content is not None:
        (tmp_path / "results.json").write_text(content)
    assert main([str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and ("missing" in line or "run process.py again" in line)


def test_what_only_describes_may_be_missing(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = output / "0" / "result.json"
    content = json.loads(path.read_text())
    for key in ("schema_version", "versions", "warnings", "seconds", "origin_mm"):
        content.pop(key, None)
    write_json(path, content)
    assert main([str(output), "--input", str(output.parent / "in")]) == 0
    content.pop("threshold")
    write_json(path, content)
    assert main([str(output)]) == 2
    assert "ok.threshold: Field required: run process.py again" in capsys.readouterr().err


def test_a_newer_version_is_refused(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = output / "results.json"
    write_json(path, json.loads(path.read_text()) | {"schema_version": 99})
    assert main([str(output)]) == 2
    assert "schema version 99 is newer than 2" in capsys.readouterr().err


def test_a_reviewed_file_is_set_aside(output: Path) -> None:
    """Made again, an unchanged file is replaced and a changed one is kept under another name."""
    assert main([str(output), "--csv", "--geojson"]) == 0
    before = tree(output)
    assert main([str(output), "--csv", "--geojson"]) == 0
    assert tree(output) == before
    reviewed = (output / "detections.csv").read_text() + "reviewed\n"
    (output / "detections.csv").write_text(reviewed)
    assert main([str(output), "--csv", "--geojson"]) == 0
    assert tree(output) - before == {"detections.kept-1.csv"}
    assert (output / "detections.kept-1.csv").read_text() == reviewed
