from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation import ScoringError
from evaluation.ground_truth import AnnotatedImage
from evaluation.predictions import Prediction
from evaluation.run import load_run, pair
from test.evaluation.scenes import write_json, write_result


def annotated(name: str, **changes: Any) -> AnnotatedImage:
    image = AnnotatedImage(
        name, np.array([[5.0, 6.0]]), np.empty((0, 2)), (100, 80), (0.25, 0.25), "S1", "lab"
    )
    return image._replace(**changes)


def predicted(name: str, **changes: Any) -> Prediction:
    points, probabilities = np.array([[1.0, 2.0]]), np.array([0.9])
    prediction = Prediction(name, points, probabilities, 0.7, (0.25, 0.25), (100, 80), None)
    return prediction._replace(**changes)


def test_an_image_takes_its_parts_from_both() -> None:
    (image,) = pair({"a": annotated("a.tif")}, {"a": predicted("a.mha")}).images
    assert image.name == "a"
    assert image.points.tolist() == [[1.0, 2.0]]
    assert image.figures.tolist() == [[5.0, 6.0]]
    assert image[4:] == ((0.25, 0.25), (100, 80), 0.7, "S1", "lab")


def test_missing_and_failed_images_stay_with_all_figures_missed() -> None:
    failed = Prediction("b.tif", np.empty((0, 2)), np.empty(0), None, None, None, "grey")
    truth = {stem: annotated(f"{stem}.tif", mpp=None) for stem in "abc"}
    run = pair(truth, {"a": predicted("a.tif"), "b": failed, "z": predicted("z.tif")})
    assert (run.missing, run.failed, run.left_out) == (["c"], {"b": "grey"}, ["z"])
    assert [len(image.points) for image in run.images] == [1, 0, 0]
    assert [len(image.figures) for image in run.images] == [1, 1, 1]


def test_the_pixel_size_of_the_ground_truth_comes_first_and_a_difference_is_noted() -> None:
    run = pair({"a": annotated("a.tif")}, {"a": predicted("a.tif", mpp=(0.5, 0.5))})
    assert run.images[0].mpp == (0.25, 0.25)
    assert "0.5 x 0.5 µm per pixel in the result, 0.25 x 0.25 in the ground" in run.notes[0]
    silent = pair({"a": annotated("a.tif", mpp=None)}, {"a": predicted("a.tif", mpp=(0.5, 0.5))})
    assert silent.images[0].mpp == (0.5, 0.5)
    assert silent.notes == []


def test_another_size_is_noted() -> None:
    run = pair({"a": annotated("a.tif")}, {"a": predicted("a.tif", size=(50, 40))})
    assert run.notes == [
        "a: 50x40 px in the result, 100x80 in the ground truth: is it the same image?"
    ]


def test_only_a_pattern_is_loaded(tmp_path: Path) -> None:
    images = [
        {"id": i, "file_name": f"{name}.tif", "width": 10, "height": 10}
        for i, name in enumerate(("A1", "A2", "B1"))
    ]
    truth = write_json(tmp_path / "truth.json", {"images": images, "annotations": []})
    for name in ("A1", "B1", "B2"):
        write_result(tmp_path / "out" / name, f"{name}.tif", [])
    run = load_run(tmp_path / "out", truth, only="A*")
    assert [image.name for image in run.images] == ["A1", "A2"]
    assert (run.missing, run.left_out) == (["A2"], [])
    with pytest.raises(ScoringError, match=r"no image of .* \(B2\) is in .* \(A2\)"):
        load_run(tmp_path / "out", truth, only="*2")
