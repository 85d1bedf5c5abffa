from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation import ScoringError
from evaluation.annotated_image import AnnotatedImage
from evaluation.predictions import Prediction
from evaluation.run import load_run, pair
from slide.polygon import Polygon
from slide.regions_of_interest import Regions
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
    assert image[4:] == ((0.25, 0.25), (100, 80), 0.7, "S1", "lab", None)


def test_missing_and_failed_images_stay_with_all_figures_missed() -> None:
    failed = Prediction("b.tif", np.empty((0, 2)), np.empty(0), None, None, None, "grey")
    truth = {stem: annotated(f"{stem}.tif", mpp=None) for stem in "abc"}
    run = pair(truth, {"a": predicted("a.tif"), "b": failed, "z": predicted("z.tif")})
    assert (run.missing, run.failed, run.left_out) == (["c"], {"b": "grey"}, ["z"])
    assert [len(image.points) for image in run.images] == [1, 0, 0]
    assert [len(image.figures) for image in run.images] == [1, 1, 1]


def test_the_pixel_size_of_the_ground_truth_comes_first_and_a_difference_is_noted() -> None:
    run = pair({"a": annotated("a.tif")}, {"a": predicted("a.tif", mpp=(0.26, 0.25))})
    assert run.images[0].mpp == (0.25, 0.25)
    assert "0.26 x 0.25 µm per pixel in the result, 0.25 x 0.25 in the ground" in run.notes[0]
    same = pair({"a": annotated("a.tif")}, {"a": predicted("a.tif", mpp=(0.254, 0.25))})
    assert same.notes == []
    with pytest.raises(ScoringError, match=r"0\.5 x 0\.5 µm per pixel in .* one of them is wrong"):
        pair({"a": annotated("a.tif")}, {"a": predicted("a.tif", mpp=(0.5, 0.5))})
    silent = pair({"a": annotated("a.tif", mpp=None)}, {"a": predicted("a.tif", mpp=(0.5, 0.5))})
    assert silent.images[0].mpp == (0.5, 0.5)
    assert silent.notes == []


def test_annotations_of_an_image_of_another_size_are_refused() -> None:
    with pytest.raises(ScoringError, match="a: 50x40 px in the result, 100x80 in the ground truth"):
        pair({"a": annotated("a.tif")}, {"a": predicted("a.tif", size=(50, 40))})


def test_the_size_of_the_result_serves_where_the_annotations_have_none() -> None:
    truth = annotated("a.tif", size=(0, 0))
    assert pair({"a": truth}, {"a": predicted("a.tif")}).images[0].size == (100, 80)
    far = truth._replace(figures=np.array([[5.0, 6.0], [400.0, 6.0]]))
    with pytest.raises(
        ScoringError, match=r"figure at \(400, 6\) px lies outside the image of 100x"
    ):
        pair({"a": far}, {"a": predicted("a.tif")})


def test_positions_in_millimetres_take_pixel_size_and_origin_of_the_result() -> None:
    figures = np.array([[10.0, 20.0], [10.010, 20.0075]])
    truth = annotated("a.tif", figures=figures, size=(0, 0), mpp=None, millimetres=True)
    result = predicted("a.tif", mpp=(0.5, 0.25), origin=(10.0, 20.0))
    np.testing.assert_allclose(
        pair({"a": truth}, {"a": result}).images[0].figures, [[0, 0], [20, 30]], atol=1e-9
    )


def test_detections_on_what_is_painted_over_do_not_count() -> None:
    points, probabilities = np.array([[1.0, 2.0], [60.0, 70.0]]), np.array([0.9, 0.8])
    result = predicted("a.tif", points=points, probabilities=probabilities)
    truth = annotated("a.tif", masked=np.array([[5.0, 5.0]]))
    (image,) = pair({"a": truth}, {"a": result}).images
    assert (image.points.tolist(), image.probabilities.tolist()) == ([[60.0, 70.0]], [0.8])


def test_only_a_pattern_is_loaded(tmp_path: Path) -> None:
    images = [
        {"id": i, "file_name": f"{name}.tif", "width": 4000, "height": 4000}
        for i, name in enumerate(("A1", "A2", "B1"))
    ]
    truth = write_json(tmp_path / "truth.json", {"images": images, "annotations": []})
    for name in ("A1", "B1", "B2"):
        write_result(tmp_path / "out" / name, f"{name}.tif", [])
    run = load_run(tmp_path / "out", truth, only="A*")
    assert [image.name for image in run.images] == ["A1", "A2"]
    assert (run.missing, run.left_out) == (["A2"], [])
    run = load_run(tmp_path / "out", truth, with_missing=False)
    assert [image.name for image in run.images] == ["A1", "B1"]
    assert (run.missing, run.left_out) == ([], ["B2"])
    assert run.notes[0] == "annotated, but not in the run, left out: A2"
    with pytest.raises(ScoringError, match=r"no image of .* \(B2\) is in .* \(A2\)"):
        load_run(tmp_path / "out", truth, only="*2")


def test_annotations_far_from_all_detections_are_noted() -> None:
    figures = np.full((5, 2), (60.0, 70.0))
    run = pair({"a": annotated("a.tif", figures=figures)}, {"a": predicted("a.tif")})
    assert run.notes[0].startswith("too few mitotic figures have a detection of any probability")


def unannotated(names: str) -> list[str]:
    return [
        f"no mitotic figure is annotated in {names}, so all detections there count as false "
        "positives: leave images that nobody has looked at out of the file"
    ]


def test_a_run_without_figures_is_noted() -> None:
    """Even if there are figures in images that it lacks, and look-alikes in all."""
    none = {"figures": np.empty((0, 2)), "hard_negatives": np.array([[5.0, 6.0]])}
    truth = {stem: annotated(f"{stem}.tif", **none) for stem in "ab"} | {"c": annotated("c.tif")}
    found = {stem: predicted(f"{stem}.tif") for stem in "ab"}
    assert pair(truth, found).notes == unannotated("a, b")
    assert pair(truth, found | {"c": predicted("c.tif")}).notes == []


def test_images_without_any_annotation_are_noted() -> None:
    """Unless they are not in the run, or the file is the challenge's own ground truth."""
    bare = annotated("b.tif", figures=np.empty((0, 2)))
    truth = {"a": annotated("a.tif"), "b": bare, "c": bare._replace(file_name="c.tif")}
    found = {stem: predicted(f"{stem}.tif") for stem in "abc"}
    assert pair(truth, found).notes == unannotated("b, c")
    assert pair(truth, {stem: found[stem] for stem in "ac"}).notes == unannotated("c")
    painted = truth | {stem: bare._replace(masked=np.array([[5.0, 6.0]])) for stem in "bc"}
    assert pair(painted, found).notes == []
    challenge = {stem: image._replace(millimetres=True) for stem, image in truth.items()}
    assert pair(challenge, found).notes == []


def test_exchanged_categories_are_noted() -> None:
    figures, look_alikes = (np.stack([np.arange(12) * 8.0, np.full(12, y)], 1) for y in (5.0, 70.0))
    truth = annotated("a.tif", figures=figures, hard_negatives=look_alikes)
    found = predicted("a.tif", points=look_alikes, probabilities=np.full(12, 0.9))
    assert any(
        "are the names of the categories exch" in n for n in pair({"a": truth}, {"a": found}).notes
    )
    found = found._replace(points=figures)
    assert pair({"a": truth}, {"a": found}).notes == []


def square(left: float, top: float, right: float, bottom: float) -> Regions:
    corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
    return Regions((Polygon((np.array(corners, float),)),), "")


def test_figures_outside_the_regions_of_interest_do_not_count() -> None:
    """Each (x, y) from the centre of the first pixel, the square from the image's corner."""
    figures = np.array([[5.0, 6.0], [39.4, 6.0], [39.6, 6.0], [60.0, 70.0]])
    result = predicted("a.tif", regions=square(0, 0, 40, 20))
    run = pair({"a": annotated("a.tif", figures=figures)}, {"a": result})
    assert run.images[0].figures.tolist() == [[5.0, 6.0], [39.4, 6.0]]
    assert run.images[0].area == pytest.approx(40 * 20 * 0.25**2 / 1e6)
    assert run.notes == [
        "2 annotated figures lie outside the regions of interest and are not counted"
    ]
    whole = pair({"a": annotated("a.tif", figures=figures)}, {"a": predicted("a.tif")})
    assert (len(whole.images[0].figures), whole.notes) == (4, [])


def test_figures_outside_are_counted_over_all_images() -> None:
    results = {
        "a": predicted("a.tif", regions=square(0, 0, 3, 3)),
        "b": predicted("b.tif", regions=square(0, 0, 100, 80)),
    }
    run = pair({stem: annotated(f"{stem}.tif") for stem in "ab"}, results)
    assert [len(image.figures) for image in run.images] == [0, 1]
    assert run.notes == [
        "1 annotated figure lies outside the regions of interest and is not counted"
    ]


def test_figures_outside_the_regions_of_a_failed_image_do_not_count() -> None:
    figures = np.array([[5.0, 6.0], [60.0, 70.0]])
    failed = predicted("a.tif", regions=square(0, 0, 40, 20))._replace(
        points=np.empty((0, 2)), probabilities=np.empty(0), threshold=None, mpp=None, size=None,
        error="grey",
    )  # fmt: skip
    (image,) = pair({"a": annotated("a.tif", figures=figures)}, {"a": failed}).images
    assert image.figures.tolist() == [[5.0, 6.0]]
    assert image.area == pytest.approx(40 * 20 * 0.25**2 / 1e6)
    unplaced = annotated("a.tif", figures=figures, size=(0, 0), mpp=None, millimetres=True)
    assert len(pair({"a": unplaced}, {"a": failed}).images[0].figures) == 2, "origin unknown"


def test_positions_in_millimetres_outside_the_regions_do_not_count() -> None:
    figures = np.array([[10.0025, 20.0025], [10.010, 20.0025]])
    truth = annotated("a.tif", figures=figures, size=(0, 0), mpp=None, millimetres=True)
    result = predicted("a.tif", origin=(10.0, 20.0), regions=square(0, 0, 30, 30))
    (image,) = pair({"a": truth}, {"a": result}).images
    np.testing.assert_allclose(image.figures, [[10, 10]], atol=1e-9)


def test_regions_that_a_result_does_not_record_are_noted() -> None:
    run = pair({"a": annotated("a.tif")}, {"a": predicted("a.tif", unrecorded=True)})
    (note,) = run.notes
    assert note.startswith("regions of interest not recorded") and note.endswith(": a")
    assert len(run.images[0].figures) == 1
