"""The ground truth of the challenge's evaluation containers: positions in mm by file name."""

import math
from pathlib import Path
from typing import Any

import pytest

from evaluation.midog_json import AnnotationError, AnnotationFile, read_annotations
from test.evaluation.annotations import write


def read(tmp_path: Path, content: Any) -> AnnotationFile:
    return read_annotations(write(tmp_path / "ground-truth.json", content))


def test_positions_in_mm_by_file_name(tmp_path: Path) -> None:
    old = {"007.tiff": [[0.5, 0.25, 0], [1.5, 0.75, 0.0]], "008.tiff": []}
    first, second = read(tmp_path, old).images
    assert first.millimetres and first.figures.tolist() == [[0.5, 0.25], [1.5, 0.75]]
    assert (first.stem, len(second.figures), first.domain) == ("007", 0, "all")
    new = {"a.tif": {"annotations": old["007.tiff"], "tumor domain": 3, "roi type": "hotspot"}}
    (image,) = read(tmp_path, new).images
    assert image.domain == "tumor domain 3" and len(image.figures) == 2


@pytest.mark.parametrize(
    "bad", [[[4336, 346, 0]], [["x", 1, 0]], [5], [[math.nan, 0, 0]], [[1]], [{}], [[10**400, 0]]]
)
def test_other_positions_are_refused(tmp_path: Path, bad: list[Any]) -> None:
    with pytest.raises(AnnotationError, match=r"image a\.tif: "):
        read(tmp_path, {"a.tif": bad})


@pytest.mark.parametrize("content", [{"a.tif": 5}, {"points": []}, {"detections": [], "x": []}])
def test_other_documents_are_not_taken_for_it(tmp_path: Path, content: dict[str, Any]) -> None:
    with pytest.raises(AnnotationError, match="'images' should be a list of objects"):
        read(tmp_path, content)
