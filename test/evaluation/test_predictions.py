import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batch.documents import RegionsOfInterest
from evaluation import ScoringError
from evaluation.predictions import read_predictions
from slide.regions_of_interest import Regions
from test.batch.builders import failed, processed
from test.evaluation.scenes import write_failure, write_json, write_result

RINGS = [[[(0.0, 0.0), (20.0, 0.0), (20.0, 30.0), (0.0, 30.0)]]]


def write_summary(output: Path, folders: dict[str, str], **changes: Any) -> None:
    """results.json with one image for each folder, as process.py writes it."""
    images = [
        {"file": file, "folder": folder, "status": "ok", "error": None, **changes}
        for folder, file in folders.items()
    ]
    write_json(output / "results.json", {"images": images})


def test_one_image(tmp_path: Path) -> None:
    write_result(tmp_path, "a.tif", [(10, 20, 0.9), (30.5, 40, 0.01)])
    write_summary(tmp_path, {"": "a.tif"})
    ((stem, prediction),) = read_predictions(tmp_path).items()
    assert stem == "a"
    np.testing.assert_array_equal(prediction.points, [[10, 20], [30.5, 40]])
    np.testing.assert_array_equal(prediction.probabilities, [0.9, 0.01])
    assert prediction[3:] == (0.5, (0.25, 0.25), (4000, 4000), None, (0.0, 0.0), None, False)


def test_several_images_without_a_summary(tmp_path: Path) -> None:
    write_result(tmp_path, "a.tif", [])
    write_result(tmp_path / "b", "b.tif", [(1, 2, 0.3)])
    found = {
        stem: len(prediction.points) for stem, prediction in read_predictions(tmp_path).items()
    }
    assert found == {"a": 0, "b": 1}


def test_what_an_earlier_run_left_is_not_read(tmp_path: Path) -> None:
    for name in ("a", "b", "old"):
        write_result(tmp_path / name, f"{name}.tif", [])
    write_result(tmp_path, "a.tif", [(1, 2, 0.3)])
    write_summary(tmp_path, {"a": "a.tif", "b": "b.tif"})
    several = read_predictions(tmp_path)
    assert several.keys() == {"a", "b"}
    assert len(several["a"].points) == 0
    write_summary(tmp_path, {"": "a.tif"})
    single = read_predictions(tmp_path)
    assert single.keys() == {"a"}
    assert len(single["a"].points) == 1


def test_a_failed_image_has_its_reason_from_the_summary_or_from_its_result(tmp_path: Path) -> None:
    write_failure(tmp_path / "a", "a.tif", "grey")
    failed = read_predictions(tmp_path)["a"]
    assert (failed.error, failed.points.shape, failed.threshold) == ("grey", (0, 2), None)
    write_summary(tmp_path, {"a": "a.tif"}, status="failed", error="disk full")
    assert read_predictions(tmp_path)["a"].error == "disk full"


def test_a_listed_result_that_is_not_there(tmp_path: Path) -> None:
    write_summary(tmp_path, {"a": "a.tif"})
    with pytest.raises(ScoringError, match=r"a/result\.json: not readable"):
        read_predictions(tmp_path)


def test_two_results_for_one_stem_are_refused(tmp_path: Path) -> None:
    write_result(tmp_path / "a.tif", "a.tif", [])
    write_result(tmp_path / "a.mha", "a.mha", [])
    with pytest.raises(ScoringError, match=r"two results for the stem 'a' \(a.mha, a.tif\)"):
        read_predictions(tmp_path)


def test_world_coordinates_start_at_the_origin(tmp_path: Path) -> None:
    path = write_result(tmp_path, "a.mha", [])
    path.write_text(json.dumps(json.loads(path.read_text()) | {"origin_mm": [10.0, -3.5]}))
    assert read_predictions(tmp_path)["a"].origin == (10.0, -3.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": None}, "threshold: "),
        ({"pixel_size_um": [0.25]}, "pixel_size_um"),
        ({"size_px": [4000]}, "size_px"),
        ({"detections": [{"x": 1, "y": 2}]}, "detections.0.probability: Field required"),
        ({"detections": [{"x": 1, "y": float("nan"), "probability": 1}]}, "detections.0.y"),
        ({"file": None}, "file: "),
        ({"schema_version": 99}, "newer than"),
    ],
)
def test_a_bad_result_is_named_with_its_fault(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = write_result(tmp_path, "a.tif", [])
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ScoringError) as caught:
        read_predictions(tmp_path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_folders_without_results(tmp_path: Path) -> None:
    with pytest.raises(ScoringError, match=r"no result\.json in it"):
        read_predictions(tmp_path)
    with pytest.raises(ScoringError, match="not a folder"):
        read_predictions(tmp_path / "missing")
    for content in ({"images": ["a.tif"]}, {"images": None}):
        write_json(tmp_path / "results.json", content)
        with pytest.raises(ScoringError, match=r"results\.json: images"):
            read_predictions(tmp_path)


def test_the_regions_of_interest_are_read(tmp_path: Path) -> None:
    for name, regions in {
        "recorded": RegionsOfInterest(polygons=1, area_mm2=0.1, rings=RINGS),
        "unrecorded": RegionsOfInterest(polygons=1, area_mm2=0.1),
        "whole": None,
    }.items():
        content = processed(f"{name}.tif", regions=regions).content()
        write_json(tmp_path / name / "result.json", content)
    found = read_predictions(tmp_path)
    assert {name: image.unrecorded for name, image in found.items()} == {
        "recorded": False, "unrecorded": True, "whole": False
    }  # fmt: skip
    assert found["unrecorded"].regions is None and found["whole"].regions is None
    assert_read(found["recorded"].regions)


def assert_read(read: Regions | None) -> None:
    """The rectangle of 20 x 30 px."""
    assert read is not None and read.rings() == RINGS
    assert read.contains(np.array([[19.4, 5], [19.6, 5]])).tolist() == [True, False]


@pytest.mark.parametrize("summary", [False, True])
def test_the_regions_of_failed_images_are_read(tmp_path: Path, summary: bool) -> None:
    drawn = RegionsOfInterest(polygons=1, rings=RINGS)
    result = failed("a.tif").model_copy(update={"regions": drawn})
    write_json(tmp_path / "a" / "result.json", result.content())
    settings = result.settings.model_copy(update={"roi": "0" * 64})
    older = failed("b.tif").model_copy(update={"settings": settings})
    write_json(tmp_path / "b" / "result.json", older.content())
    (tmp_path / "c").mkdir()
    if summary:
        (tmp_path / "c" / "result.json").write_text("{")  # not written to its end
        write_summary(
            tmp_path, {name: f"{name}.tif" for name in "abc"}, status="failed", error="grey"
        )
    found = read_predictions(tmp_path)
    assert found["a"].error and not found["a"].unrecorded
    assert_read(found["a"].regions)
    assert found["b"].unrecorded and found["b"].regions is None
    if summary:
        assert found["c"][5:] == (None, "grey", (0.0, 0.0), None, False)
