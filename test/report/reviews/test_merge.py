"""python -m report OUTPUT --review: what is merged, what is refused, and the annotations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from batch.documents import read_summary
from batch.stale import remove_stale
from batch.writing import write_json
from evaluation.midog_json import read_annotations
from evaluation.threshold import main as propose_threshold
from report.__main__ import main
from report.saved import Saved
from test.report.builders import failed, result_of, write_output
from test.report.reviews.builders import image_of, write_review


@pytest.fixture
def images(tmp_path: Path) -> list[Saved]:
    moved = result_of("b.tif")["detections"][:4]
    results = [result_of("a.tif"), failed("bad.tif"), result_of("b.tif", detections=moved)]
    return write_output(tmp_path, results)


@pytest.fixture
def output(images: list[Saved]) -> Path:
    return images[0].folder.parent


def test_counts_are_corrected(
    output: Path, images: list[Saved], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, _, last = images
    ann = write_review(
        tmp_path / "a.json", "Ann", image_of(first, "ynyy", ((200.0, 9.0),)), image_of(last, "n")
    )
    bo = write_review(tmp_path / "bo.review.json", "", image_of(first, "yy"))
    assert main([str(output), "--review", str(ann)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "a.tif: 4 mitotic figures after review by Ann, 1481.5 per mm² (3 detected)",
        "b.tif: 2 mitotic figures after review by Ann, 740.7 per mm² (3 detected; 2 of them not "
        "reviewed)",
        f"open {output / 'report.html'} in a browser",
    ]
    summary = read_summary(output / "results.json")
    counts = [image.review for image in summary.images]
    assert counts[0] and counts[0].mitotic_figures == 4 and counts[0].reviewers == ["Ann"]
    assert counts[1] is None and counts[2] and counts[2].mitotic_figures == 2
    assert summary.images[0].mitotic_figures == 3, "what the run found stays"
    page = (output / "report.html").read_text()
    assert "<strong>4</strong> after review by Ann" in page

    assert main([str(output), "--review", str(ann), "--review", str(bo)]) == 0
    merged = read_summary(output / "results.json").review
    assert merged and [a.reviewers for a in merged.agreement] == [["Ann", "bo"]]
    assert "Ann and bo" in (output / "report.html").read_text()
    assert main([str(output), "--csv"]) == 0
    assert read_summary(output / "results.json").review == merged, "only the page is made again"
    assert main([str(output), "--report"]) == 0
    assert read_summary(output / "results.json").review is None, "as in the page"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sha256": "1" * 64}, "an image that is not in OUTPUT"),
        ({"run": "1" * 64}, "of another run"),
        ({"cells": -1}, "greater than or equal to 0"),
        ({"missed": [{"x": 500, "y": 1}]}, "outside the image"),
        ({"missed": [{"x": float("1e400"), "y": 1}]}, "not valid JSON|finite|outside"),
        (
            {"verdicts": [{"x": 1, "y": 1, "probability": 1, "verdict": "unsure"}]},
            "not a detection",
        ),
        (
            {"verdicts": [{"x": 1, "y": 1, "probability": 1, "verdict": "maybe"}]},
            "'mitotic figure', 'non-mitotic figure' or 'unsure'",
        ),
    ],
)
def test_what_does_not_belong_is_refused(
    output: Path, images: list[Saved], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    change: dict[str, object], reason: str,
) -> None:  # fmt: skip
    before = (output / "results.json").read_bytes()
    path = tmp_path / "r.json"
    content = {
        "kind": "mitosis review",
        "reviewer": "",
        "images": [image_of(images[0], "y") | change],
    }
    path.write_text(json.dumps(content))
    assert main([str(output), "--review", str(path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and any(part in line for part in reason.split("|")), line
    assert (output / "results.json").read_bytes() == before
    assert not (output / "report.html").exists()


def test_a_new_threshold_keeps_a_review(output: Path, images: list[Saved], tmp_path: Path) -> None:
    """New weights or other settings do not."""
    path = write_review(tmp_path / "r.json", "Ann", image_of(images[0], "y"))
    result = json.loads((images[0].folder / "result.json").read_text())
    result["threshold"] = result["settings"]["threshold"] = 0.5
    write_json(images[0].folder / "result.json", result)
    assert main([str(output), "--review", str(path)]) == 0
    result["settings"]["seed"] += 1
    write_json(images[0].folder / "result.json", result)
    assert main([str(output), "--review", str(path)]) == 2


def test_a_reviewer_counts_once(
    output: Path, images: list[Saved], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_review(tmp_path / "r.json", "Ann", image_of(images[0], "y"))
    assert main([str(output), "--review", str(path), "--review", str(path)]) == 2
    assert "a second review by 'Ann'" in capsys.readouterr().err
    assert main([str(output), "--review", str(output / "results.json")]) == 2
    assert "kind: Field required" in capsys.readouterr().err


def test_reviews_are_not_removed(output: Path, images: list[Saved]) -> None:
    path = write_review(output / "Ann.review.json", "Ann", image_of(images[0], "y"))
    assert main([str(output), "--review", str(path)]) == 0
    assert remove_stale(output) > 0
    assert [p.name for p in output.iterdir() if p.is_file()] == ["Ann.review.json"]


def test_annotations(
    output: Path, images: list[Saved], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are read as the reviewer meant them, and give a threshold. b.tif is incomplete."""
    first, _, last = images
    path = write_review(
        tmp_path / "r.json",
        "Ann",
        image_of(first, "yynuny", ((200.0, 9.5),)),
        image_of(last, "yyn"),
    )
    target = tmp_path / "midog.json"
    command = [str(output), "--csv", "--review", str(path), "--annotations", str(target)]
    assert main(command) == 0
    assert f"b.tif: not in {target}: 1 cells are not reviewed" in capsys.readouterr().out
    (image,) = read_annotations(target).images
    assert (image.file_name, image.size, image.mpp) == ("a.tif", (240, 180), (0.25, 0.25))
    places = np.array([(d.x, d.y) for d in first.detections])
    np.testing.assert_allclose(image.figures, [*places[[0, 1, 5]], (200.0, 9.5)])
    np.testing.assert_allclose(image.hard_negatives, places[[2, 3, 4]])
    assert propose_threshold([str(output), str(target)]) == 0
    assert "1 field with 4 mitotic figures" in capsys.readouterr().out

    path = write_review(tmp_path / "r.json", "Ann", image_of(last, "yyn"))
    assert main(command) == 2
    assert "no image is reviewed completely" in capsys.readouterr().err
