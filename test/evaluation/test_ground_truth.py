import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation import ScoringError
from evaluation.ground_truth import read_ground_truth
from test.evaluation.scenes import write_json


def image(**changes: Any) -> dict[str, Any]:
    return {"id": 1, "file_name": "A03_02.tif", "width": 200, "height": 100, **changes}


def annotation(**changes: Any) -> dict[str, Any]:
    return {"image_id": 1, "bbox": [10, 20, 60, 71], "category_id": 1, **changes}


def test_centres_classes_and_optional_keys(tmp_path: Path) -> None:
    truth = {
        "images": [
            image(slide="A03", domain="xt", mpp=0.2456),
            image(id=2, file_name="B.tiff", mpp=[0.25, 0.5]),
            image(id=3, file_name="C.mha"),
        ],
        "annotations": [annotation(), annotation(category_id=2, bbox=[0, 0, 50, 50])],
    }
    images = read_ground_truth(write_json(tmp_path / "truth.json", truth))
    first = images["A03_02"]
    np.testing.assert_array_equal(first.figures, [[35.0, 45.5]])
    np.testing.assert_array_equal(first.hard_negatives, [[25.0, 25.0]])
    assert first[3:7] == ((200, 100), (0.2456, 0.2456), "A03", "xt")
    assert images["B"].mpp == (0.25, 0.5)
    assert images["C"].figures.shape == (0, 2)
    assert images["C"][4:7] == (None, None, "all")


def test_midog_is_known_by_its_file_names(tmp_path: Path) -> None:
    names = {1: "hamamatsu_xr", 100: "hamamatsu_s360", 101: "aperio_cs2", 151: None}
    images = [image(id=number, file_name=f"{number:03d}.tiff") for number in names]
    path = write_json(tmp_path / "MIDOG.json", {"images": images, "annotations": []})
    found = read_ground_truth(path)
    assert {int(stem): entry.domain for stem, entry in found.items()} == {
        number: domain for number, domain in names.items() if domain
    }, "the Leica images are not labelled"
    assert [entry.mpp for entry in found.values()] == [(0.23, 0.23), (0.23, 0.23), (0.25, 0.25)]
    assert [entry.slide for entry in found.values()] == ["001", "100", "101"]


def test_other_numbered_files_are_not_taken_for_midog(tmp_path: Path) -> None:
    for number, name in ((1, "002.tiff"), (201, "201.tiff"), (7, "7.tiff")):
        truth = {"images": [image(id=number, file_name=name)], "annotations": []}
        (entry,) = read_ground_truth(write_json(tmp_path / "truth.json", truth)).values()
        assert (entry.domain, entry.mpp, entry.slide) == ("all", None, None)


@pytest.mark.skipif("MITOSIS_DATA" not in os.environ, reason="needs MITOSIS_DATA")
def test_the_challenge_file_itself() -> None:
    images = read_ground_truth(Path(os.environ["MITOSIS_DATA"]) / "MIDOG.json").values()
    assert len(images) == 150
    figures: Counter[str] = Counter()
    negatives: Counter[str] = Counter()
    for entry in images:
        figures[entry.domain] += len(entry.figures)
        negatives[entry.domain] += len(entry.hard_negatives)
    assert figures == {"hamamatsu_xr": 451, "hamamatsu_s360": 582, "aperio_cs2": 688}
    assert negatives == {"hamamatsu_xr": 724, "hamamatsu_s360": 1066, "aperio_cs2": 924}


@pytest.mark.parametrize(
    ("images", "annotations", "message"),
    [
        ([image()], [annotation(image_id=9)], "an annotation is for image 9, which is not in"),
        ([image()], [annotation(bbox=[60, 20, 10, 71])], "annotation of image 1: bad 'bbox'"),
        ([image()], [annotation(bbox=[1, 2, 3])], "annotation of image 1: bad 'bbox'"),
        ([image()], [{"image_id": 1, "bbox": [0, 0, 1, 1]}], "image 1 has no 'category_id'"),
        ([image(), image()], [], "two images have the id 1"),
        ([image(), image(id=2, file_name="A03_02.mha")], [], "two images have the stem 'A03_02'"),
        ([image(width=0)], [], "image 1: bad 'width' 0"),
        ([image(mpp=-0.25)], [], "image 1: bad 'mpp' -0.25"),
        ([image(mpp=[0.25])], [], "image 1: bad 'mpp'"),
        ([{"id": 1}], [], "image 1 has no 'file_name'"),
        ([], [], "no labelled image in it"),
        ({}, [], "'images' should be a list of objects"),
        ([image()], None, "'annotations' should be a list of objects"),
    ],
)
def test_a_bad_file_is_named_with_its_fault(
    tmp_path: Path, images: Any, annotations: Any, message: str
) -> None:
    path = write_json(tmp_path / "truth.json", {"images": images, "annotations": annotations})
    with pytest.raises(ScoringError) as caught:
        read_ground_truth(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_a_file_that_is_not_json(tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    with pytest.raises(ScoringError, match="not a readable JSON file"):
        read_ground_truth(path)
    path.write_text("x,y\n1,2\n")
    with pytest.raises(ScoringError, match="not a readable JSON file"):
        read_ground_truth(path)
    path.write_text("[]")
    with pytest.raises(ScoringError, match="expected an object with 'images' and 'annotations'"):
        read_ground_truth(path)
