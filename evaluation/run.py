"""A run beside its ground truth: images paired by the stem of their file name."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import numpy as np

from evaluation import ScoringError
from evaluation.annotated_image import UNKNOWN_SIZE, AnnotatedImage, unmasked
from evaluation.exchanged_categories import exchanged_note
from evaluation.ground_truth import read_ground_truth, some
from evaluation.matching import RADIUS
from evaluation.misplaced import misplaced_note
from evaluation.predictions import Prediction, read_predictions
from evaluation.scored_image import ScoredImage

# The training resolution. It only serves for the area of an image that has no result and whose
# pixel size the ground truth does not give either.
USUAL_MPP = (0.25, 0.25)

# Relative differences between the pixel sizes of a result and of the ground truth. MIDOG's table is
# rounded to 0.01 µm, up to 2 %.
NOTED_MPP, WRONG_MPP = 0.02, 0.05


class Run(NamedTuple):
    """Detections of a run in the images of a ground truth, in the order of the ground truth.

    missing    images without a result: all their figures count as missed
    failed     the same, with the reason that their result gives
    left_out   results for images that are not in the ground truth
    notes      how annotations were understood, where the two disagree on the pixel size, and how
               many figures lie outside the regions of interest
    """

    images: list[ScoredImage]
    missing: list[str]
    failed: dict[str, str]
    left_out: list[str]
    notes: list[str]


def load_run(output: Path, ground_truth: Path, only: str = "*", with_missing: bool = True) -> Run:
    """Read an OUTPUT folder and an annotation file.

    Args:
        output: OUTPUT of process.py.
        ground_truth: the annotation file.
        only: pattern for the names of images without suffix, such as "A03*".
        with_missing: whether annotated images that the run does not list count as missed, as in the
            challenge, or are left out, since the annotations may be of more images than the run.

    Raises:
        ScoringError: one cannot be read, they have no image in common, or the annotations of an
            image do not fit it.
    """
    notes: list[str] = []
    truth, found = read_ground_truth(ground_truth, notes), read_predictions(output)
    truth = {stem: image for stem, image in truth.items() if fnmatchcase(stem, only)}
    found = {stem: image for stem, image in found.items() if fnmatchcase(stem, only)}
    if not truth.keys() & found.keys():
        raise ScoringError(
            f"no image of {output} ({some(found)}) is in {ground_truth} ({some(truth)}); "
            f"they are found by the stem of the file name, here those that match {only!r}"
        )
    if not with_missing and (others := truth.keys() - found.keys()):
        notes.append(f"annotated, but not in the run, left out: {some(sorted(others))}")
        truth = {stem: image for stem, image in truth.items() if stem in found}
    run = pair(truth, found)
    return run._replace(notes=[*notes, *run.notes])


def pair(truth: dict[str, AnnotatedImage], found: dict[str, Prediction]) -> Run:
    """Join annotations and predictions, both by stem.

    Raises:
        ScoringError: the annotations of an image do not fit its result.
    """
    run = Run([], [], {}, sorted(found.keys() - truth.keys()), [])
    outside = 0
    for stem, annotated in truth.items():
        prediction = found.get(stem)
        if prediction is None:
            run.missing.append(stem)
            prediction = _no_prediction(annotated)
        elif prediction.error is not None:
            run.failed[stem] = prediction.error
        _check_size(annotated, prediction)
        run.notes.extend(_pixel_size_note(annotated, prediction))
        image = _scored_image(annotated, prediction)
        outside += len(annotated.figures) - len(image.figures)
        run.images.append(image)
    run.notes.extend(_regions_notes(outside, [stem for stem in truth if _unrecorded(found, stem)]))
    run.notes.extend(_unannotated_note([image for stem, image in truth.items() if stem in found]))
    run.notes.extend(misplaced_note(run.images))
    look_alikes = [annotated.hard_negatives for annotated in truth.values()]
    run.notes.extend(exchanged_note(run.images, look_alikes))
    return run


def _unannotated_note(annotated: list[AnnotatedImage]) -> list[str]:
    """A line on images of the run without any annotation; if none has a figure, on all of them.

    The challenge's own ground truth lists images without figures on purpose.
    """
    some_figures = any(len(image.figures) for image in annotated)
    bare = [image.stem for image in annotated if not some_figures or _is_unannotated(image)]
    if not bare:
        return []
    return [
        f"no mitotic figure is annotated in {some(bare)}, so all detections there count as false "
        "positives: leave images that nobody has looked at out of the file"
    ]


def _is_unannotated(image: AnnotatedImage) -> bool:
    cells = len(image.figures) + len(image.hard_negatives) + len(image.masked)
    return not cells and not image.millimetres


def _unrecorded(found: dict[str, Prediction], stem: str) -> bool:
    return stem in found and found[stem].unrecorded


def _regions_notes(outside: int, unrecorded: list[str]) -> list[str]:
    """What is left out for lying outside the regions of interest, and where that is unknown."""
    notes = []
    if outside:
        which = (
            "1 annotated figure lies outside the regions of interest and is"
            if outside == 1
            else f"{outside} annotated figures lie outside the regions of interest and are"
        )
        notes.append(f"{which} not counted")
    if unrecorded:
        notes.append(
            "regions of interest not recorded by the version that wrote the results, so figures "
            f"outside them count as missed: {some(unrecorded)}"
        )
    return notes


def _no_prediction(annotated: AnnotatedImage) -> Prediction:
    nothing = np.empty((0, 2)), np.empty(0)
    return Prediction(annotated.file_name, *nothing, None, None, None, None)


def _scored_image(annotated: AnnotatedImage, found: Prediction) -> ScoredImage:
    # The ground truth's first: the radius is then the same for all runs that are compared.
    mpp = annotated.mpp or found.mpp or USUAL_MPP
    size = found.size if annotated.size == UNKNOWN_SIZE and found.size else annotated.size
    figures = annotated.figures
    if annotated.millimetres:
        figures = _in_pixels(figures, mpp, found)
    if annotated.size == UNKNOWN_SIZE != size:
        _check_positions(annotated.stem, figures, size, mpp)
    if found.regions is not None and not (annotated.millimetres and found.size is None):
        figures = figures[found.regions.contains(figures)]
    tissue = unmasked(found.points, annotated.masked)
    return ScoredImage(
        name=annotated.stem,
        points=found.points[tissue],
        probabilities=found.probabilities[tissue],
        figures=figures,
        mpp=mpp,
        size=size,
        threshold=np.inf if found.threshold is None else found.threshold,
        slide=annotated.slide,
        domain=annotated.domain,
        analysed=found.regions.area_px(size) if found.regions and size != UNKNOWN_SIZE else None,
    )


def _in_pixels(figures: np.ndarray, mpp: tuple[float, float], found: Prediction) -> np.ndarray:
    """(n, 2) px of positions (n, 2) in mm of world coordinates."""
    pixels: np.ndarray = (figures - np.array(found.origin)) / (np.array(mpp) * 1e-3)
    return pixels


def _check_positions(
    stem: str, figures: np.ndarray, size: tuple[int, int], mpp: tuple[float, float]
) -> None:
    """Raises ScoringError where a figure is farther outside its image than a match can be."""
    margin = 1e3 * RADIUS / np.array(mpp)
    outside = ((figures < -margin) | (figures > np.array(size) + margin)).any(axis=1)
    if outside.any():
        x, y = figures[outside][0]
        raise ScoringError(
            f"{stem}: a mitotic figure at ({x:.0f}, {y:.0f}) px lies outside the image of "
            f"{size[0]}x{size[1]} px"
        )


def _check_size(annotated: AnnotatedImage, found: Prediction) -> None:
    if found.size is None or annotated.size == UNKNOWN_SIZE or found.size == annotated.size:
        return
    raise ScoringError(
        f"{annotated.stem}: {found.size[0]}x{found.size[1]} px in the result, "
        f"{annotated.size[0]}x{annotated.size[1]} in the ground truth: not the same image"
    )


def _pixel_size_note(annotated: AnnotatedImage, found: Prediction) -> list[str]:
    """Raises ScoringError where the pixel sizes differ so much that one of them is wrong."""
    if not annotated.mpp or not found.mpp:
        return []
    difference = np.abs(np.divide(found.mpp, annotated.mpp) - 1).max()
    line = (
        f"{annotated.stem}: {found.mpp[0]:.4g} x {found.mpp[1]:.4g} µm per pixel in "
        f"the result, {annotated.mpp[0]:.4g} x {annotated.mpp[1]:.4g} in the ground truth"
    )
    if difference > WRONG_MPP:
        raise ScoringError(f"{line}: one of them is wrong")
    return [f"{line}, which is used"] if difference > NOTED_MPP else []
