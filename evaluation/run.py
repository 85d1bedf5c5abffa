"""A run beside its ground truth: images paired by the stem of their file name."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import numpy as np

from evaluation import ScoringError
from evaluation.ground_truth import AnnotatedImage, read_ground_truth
from evaluation.predictions import Prediction, read_predictions
from evaluation.scored_image import ScoredImage

# The training resolution. It only serves for the area of an image that has no result and whose
# pixel size the ground truth does not give either.
USUAL_MPP = (0.25, 0.25)


class Run(NamedTuple):
    """What a run found in the images of a ground truth, in the order of the truth.

    missing    images without a result: all their figures count as missed
    failed     the same, with the reason that their result gives
    left_out   results for images that are not in the ground truth
    notes      where the two disagree on what the image is
    """

    images: list[ScoredImage]
    missing: list[str]
    failed: dict[str, str]
    left_out: list[str]
    notes: list[str]


def load_run(output: Path, ground_truth: Path, only: str = "*") -> Run:
    """Reads an OUTPUT folder and a MIDOG form file; only is a pattern for stems, such as "A03*".

    Raises ScoringError where one cannot be read or they have no image in common.
    """
    truth, found = read_ground_truth(ground_truth), read_predictions(output)
    truth = {stem: image for stem, image in truth.items() if fnmatchcase(stem, only)}
    found = {stem: image for stem, image in found.items() if fnmatchcase(stem, only)}
    if not truth.keys() & found.keys():
        raise ScoringError(
            f"no image of {output} ({_some(found)}) is in {ground_truth} ({_some(truth)}); "
            f"they are found by the stem of the file name, here those that match {only!r}"
        )
    return pair(truth, found)


def pair(truth: dict[str, AnnotatedImage], found: dict[str, Prediction]) -> Run:
    """Joins annotations and predictions, both by stem."""
    run = Run([], [], {}, sorted(found.keys() - truth.keys()), [])
    for stem, annotated in truth.items():
        prediction = found.get(stem)
        if prediction is None:
            run.missing.append(stem)
        elif prediction.error is not None:
            run.failed[stem] = prediction.error
        else:
            run.notes.extend(_disagreements(annotated, prediction))
        run.images.append(_scored_image(annotated, prediction))
    return run


def _scored_image(annotated: AnnotatedImage, prediction: Prediction | None) -> ScoredImage:
    found = prediction or Prediction(
        annotated.file_name, np.empty((0, 2)), np.empty(0), None, None, None, None
    )
    return ScoredImage(
        name=annotated.stem,
        points=found.points,
        probabilities=found.probabilities,
        figures=annotated.figures,
        # The ground truth's first: the radius is then the same for all runs that are compared.
        mpp=annotated.mpp or found.mpp or USUAL_MPP,
        size=annotated.size,
        threshold=np.inf if found.threshold is None else found.threshold,
        slide=annotated.slide,
        domain=annotated.domain,
    )


def _disagreements(annotated: AnnotatedImage, prediction: Prediction) -> list[str]:
    notes = []
    if prediction.size is not None and prediction.size != annotated.size:
        notes.append(
            f"{annotated.stem}: {prediction.size[0]}x{prediction.size[1]} px in the result, "
            f"{annotated.size[0]}x{annotated.size[1]} in the ground truth: is it the same image?"
        )
    if annotated.mpp and prediction.mpp and not np.allclose(annotated.mpp, prediction.mpp, 0.01):
        notes.append(
            f"{annotated.stem}: {prediction.mpp[0]:.4g} x {prediction.mpp[1]:.4g} µm per pixel in "
            f"the result, {annotated.mpp[0]:.4g} x {annotated.mpp[1]:.4g} in the ground truth, "
            "which is used"
        )
    return notes


def _some(stems: dict[str, AnnotatedImage] | dict[str, Prediction]) -> str:
    names = list(stems)
    return ", ".join(names[:3]) + (f", … {len(names)} in all" if len(names) > 3 else "") or "none"
