"""The results in an OUTPUT folder of process.py, one for each image of the run.

OUTPUT/results.json lists the images of the latest run and the folder of each, so results of earlier
runs are not read. Without it every result.json in OUTPUT and its folders is read.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evaluation import ScoringError
from evaluation.annotated_image import image_stem


class Prediction(NamedTuple):
    """What was detected in one image.

    points         (n, 2) float64, x, y in px of the input image
    probabilities  (n,) float64 in 0..1
    threshold      positive from this probability on; None where the image failed
    mpp            µm per pixel (x, y), None where the image failed before it was known
    size           px (width, height), None likewise
    error          why the image failed, None where it did not; a failed image has no points
    origin         mm (x, y), world position of the first pixel
    """

    file_name: str
    points: np.ndarray
    probabilities: np.ndarray
    threshold: float | None
    mpp: tuple[float, float] | None
    size: tuple[int, int] | None
    error: str | None
    origin: tuple[float, float] = (0.0, 0.0)

    @property
    def stem(self) -> str:
        return image_stem(self.file_name)


def read_predictions(output: Path) -> dict[str, Prediction]:
    """The results of a folder by the stem of their image. Raises ScoringError where there are none,
    where one is not of process.py's form, or where two are for the same stem."""
    if not output.is_dir():
        raise ScoringError(f"{output}: not a folder; give the --output folder of process.py")
    predictions: dict[str, Prediction] = {}
    for prediction in _results(output):
        known = predictions.setdefault(prediction.stem, prediction)
        if known is not prediction:
            raise ScoringError(
                f"{output}: two results for the stem {prediction.stem!r} ({known.file_name}, "
                f"{prediction.file_name}); images are found by their stem, so score them apart"
            )
    if not predictions:
        raise ScoringError(f"{output}: no result.json in it; is it an --output of process.py?")
    return predictions


def _results(output: Path) -> Iterator[Prediction]:
    summary = output / "results.json"
    if not summary.exists():
        for path in sorted([*output.glob("result.json"), *output.glob("*/result.json")]):
            yield _read_result(path)
        return
    images = _read_object(summary).get("images")
    if not isinstance(images, list):
        raise ScoringError(f"{summary}: 'images' should be a list")
    for entry in images:
        if not isinstance(entry, dict) or not {"file", "folder", "status"} <= entry.keys():
            raise ScoringError(f"{summary}: an image without 'file', 'folder' and 'status'")
        if entry["status"] == "failed":  # it may have failed before or while it was written
            yield _failure(entry)
        else:
            yield _read_result(output / entry["folder"] / "result.json")


def _read_result(path: Path) -> Prediction:
    result = _read_object(path)
    if not isinstance(result.get("file"), str):
        raise ScoringError(f"{path}: 'file' should be the name of the image")
    if result.get("status") == "failed":
        return _failure(result)
    try:
        rows = [(d["x"], d["y"], d["probability"]) for d in result["detections"]]
        table = np.array(rows, dtype=np.float64).reshape(-1, 3)
        threshold = float(result["threshold"])
        mpp = _pixel_size(result["pixel_size_um"])
        width, height = (int(value) for value in result["size_px"])
        x, y = (float(value) for value in result.get("origin_mm", (0.0, 0.0)))
    except KeyError as error:
        raise ScoringError(f"{path}: {error} is missing") from error
    except (TypeError, ValueError) as error:
        raise ScoringError(f"{path}: not a result of process.py ({error})") from error
    points, probabilities = table[:, :2], table[:, 2]
    if not np.isfinite(points).all():
        raise ScoringError(f"{path}: a detection has a position that is not a number")
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ScoringError(f"{path}: a detection has a probability outside 0..1")
    return Prediction(
        result["file"], points, probabilities, threshold, mpp, (width, height), None, (x, y)
    )


def _pixel_size(value: Any) -> tuple[float, float]:
    x, y = (float(length) for length in value)
    if not (0 < x < np.inf and 0 < y < np.inf):
        raise ValueError("not a length")
    return x, y


def _failure(result: dict[str, Any]) -> Prediction:
    reason = str(result.get("error") or "no reason given")
    return Prediction(result["file"], np.empty((0, 2)), np.empty(0), None, None, None, reason)


def _read_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ScoringError(f"{path}: not a readable JSON file ({error})") from error
    if not isinstance(content, dict):
        raise ScoringError(f"{path}: expected a JSON object")
    return content
