"""The results in an OUTPUT folder of process.py, one for each image of the run.

OUTPUT/results.json lists the images of the latest run and the folder of each, so results of earlier
runs are not read. Without it every result.json in OUTPUT and its folders is read.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from batch.documents import DocumentError, ImageResult, read_result, read_summary
from batch.layout import RESULT_FILE, SUMMARY_FILE
from evaluation import ScoringError
from evaluation.annotated_image import image_stem
from slide.regions_of_interest import Regions


class Prediction(NamedTuple):
    """What was detected in one image.

    points         (n, 2) float64, x, y in px of the input image
    probabilities  (n,) float64 in 0..1
    threshold      positive from this probability on; None where the image failed
    mpp            µm per pixel (x, y), None where the image failed
    size           px (width, height), None where the image failed
    error          why the image failed, None where it did not; a failed image has no points
    origin         mm (x, y), world position of the first pixel
    regions        of interest, to which points are restricted; None for the whole image
    unrecorded     whether there are regions that the result does not record
    """

    file_name: str
    points: np.ndarray
    probabilities: np.ndarray
    threshold: float | None
    mpp: tuple[float, float] | None
    size: tuple[int, int] | None
    error: str | None
    origin: tuple[float, float] = (0.0, 0.0)
    regions: Regions | None = None
    unrecorded: bool = False

    @property
    def stem(self) -> str:
        return image_stem(self.file_name)


def read_predictions(output: Path) -> dict[str, Prediction]:
    """The results of a folder by the stem of their image.

    Raises:
        ScoringError: there are none, one cannot be read, or two have the same stem.
    """
    if not output.is_dir():
        raise ScoringError(f"{output}: not a folder; give the --output folder of process.py")
    predictions: dict[str, Prediction] = {}
    try:
        for prediction in _results(output):
            known = predictions.setdefault(prediction.stem, prediction)
            if known is not prediction:
                raise ScoringError(
                    f"{output}: two results for the stem {prediction.stem!r} ({known.file_name}, "
                    f"{prediction.file_name}); images are found by their stem, so score them apart"
                )
    except DocumentError as error:
        raise ScoringError(str(error)) from error
    except OSError as error:
        raise ScoringError(f"{error.filename}: not readable ({error.strerror})") from error
    if not predictions:
        raise ScoringError(f"{output}: no {RESULT_FILE} in it; is it an --output of process.py?")
    return predictions


def _results(output: Path) -> Iterator[Prediction]:
    summary = output / SUMMARY_FILE
    if not summary.exists():
        for path in sorted([*output.glob(RESULT_FILE), *output.glob(f"*/{RESULT_FILE}")]):
            yield _prediction(read_result(path))
        return
    for entry in read_summary(summary).images:
        path = output / entry.folder / RESULT_FILE
        if entry.status == "ok":
            yield _prediction(read_result(path))
            continue
        failed = _failure(entry.file, entry.error or "no reason given")
        with suppress(OSError, DocumentError):  # it may have failed before its result was written
            result = read_result(path)
            failed = failed._replace(regions=_regions(result), unrecorded=_is_unrecorded(result))
        yield failed


def _prediction(result: ImageResult) -> Prediction:
    if result.status == "failed":
        prediction = _failure(result.file, result.error)
    else:
        rows = [(d.x, d.y, d.probability) for d in result.detections]
        table = np.array(rows, dtype=np.float64).reshape(-1, 3)
        prediction = Prediction(
            file_name=result.file,
            points=table[:, :2],
            probabilities=table[:, 2],
            threshold=result.threshold,
            mpp=result.pixel_size_um,
            size=result.size_px,
            error=None,
            origin=result.origin_mm,
        )
    return prediction._replace(regions=_regions(result), unrecorded=_is_unrecorded(result))


def _regions(result: ImageResult) -> Regions | None:
    if result.regions is None or result.regions.rings is None:
        return None
    return Regions.from_rings(result.regions.rings)


def _is_unrecorded(result: ImageResult) -> bool:
    if result.regions is None:
        return result.settings.roi is not None
    return result.regions.rings is None


def _failure(file_name: str, reason: str) -> Prediction:
    return Prediction(file_name, np.empty((0, 2)), np.empty(0), None, None, None, reason)
