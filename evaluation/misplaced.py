"""Whether annotations lie where the detections do, or would if turned, scaled or moved."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.spatial import cKDTree

from evaluation.ground_truth import some
from evaluation.matching import RADIUS, match_optimal
from evaluation.scored_image import ScoredImage
from evaluation.shift import frequent_shift

# Nearly all annotated figures have some detection near them, however improbable, so annotations of
# which fewer do are likely to be of other images, or not in px.
FEW_FIGURES, LEAST_NEAR = 3, 0.25
# A transformation is named if it finds this share of all figures, and this many times as many as
# are found as stated, and one. In `fields_a` 139 of 184 figures are found, and at most 6 with any
# transformation: no draw of 1 to 20 of the images was misjudged, also with half of the hits removed
# or with ten times as many detections, and all draws of 4 images with exchanged x and y were found.
LEAST_SHARE, TIMES = 0.25, 3
# The same for each image by itself, or moved. In `fields_a` no image was misjudged, and of the 16
# with so many figures 14 were found, whether turned, exchanged or moved (tested one by one).
FEW_SINGLE, LEAST_SINGLE = 5, 0.5
# The same for the detections of another image, of which there may be many. In `fields_a` no image
# was misjudged, and 81 of 100 exchanges of two images were found.
FEW_RENAMED, LEAST_RENAMED = 5, 0.5

CORRECT = "correct the positions in the annotations"

# From positions (n, 2) as stated, the last pixel (x, y) and µm per pixel (x, y) to positions in px.
Transformation = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def _exchanged(stated: np.ndarray, _last: np.ndarray, _mpp: np.ndarray) -> np.ndarray:
    return np.asarray(stated[:, ::-1])


def _from_bottom(stated: np.ndarray, last: np.ndarray, _mpp: np.ndarray) -> np.ndarray:
    return np.stack([stated[:, 0], last[1] - stated[:, 1]], axis=1)


def _from_right(stated: np.ndarray, last: np.ndarray, _mpp: np.ndarray) -> np.ndarray:
    return np.stack([last[0] - stated[:, 0], stated[:, 1]], axis=1)


def _upside_down(stated: np.ndarray, last: np.ndarray, _mpp: np.ndarray) -> np.ndarray:
    return np.asarray(last - stated)


def _micrometres(stated: np.ndarray, _last: np.ndarray, mpp: np.ndarray) -> np.ndarray:
    return np.asarray(stated / mpp)


def _percent(stated: np.ndarray, last: np.ndarray, _mpp: np.ndarray) -> np.ndarray:
    return np.asarray(stated * (last + 1) / 100)


def _after_exchange(then: Transformation) -> Transformation:
    return lambda stated, last, mpp: then(stated[:, ::-1], last, mpp)


def _times(factor: float) -> Transformation:
    return lambda stated, _last, _mpp: stated * factor


def _moved(by: np.ndarray) -> Transformation:
    return lambda stated, _last, _mpp: stated + by


TRANSFORMATIONS: dict[str, Transformation] = {
    "with x and y exchanged": _exchanged,
    "with y counted from the bottom": _from_bottom,
    "with x counted from the right": _from_right,
    "turned by 180°": _upside_down,
    "turned by 90° to the left": _after_exchange(_from_bottom),
    "turned by 90° to the right": _after_exchange(_from_right),
    "with x and y exchanged and turned by 180°": _after_exchange(_upside_down),
    "read as µm": _micrometres,
    "read as percent of the image": _percent,  # Label Studio's own format
    # Between the levels of slides, or 0.25 and 0.5 µm per pixel.
    **{f"multiplied by {factor}": _times(factor) for factor in (2, 4, 8, 16, 32)},
    **{f"divided by {factor}": _times(1 / factor) for factor in (2, 4)},
}


def misplaced_note(images: Sequence[ScoredImage]) -> list[str]:
    """A line where the figures are unlikely to lie where the annotations state them."""
    images = [image for image in images if len(image.points)]
    figures = sum(len(image.figures) for image in images)
    if figures < FEW_FIGURES:
        return []
    found = _found(images)
    if 2 * found < figures and (better := _transformed(images, LEAST_SHARE)):
        return [f"{better}: {CORRECT}"]
    notes = [*_single_notes(images), *_renamed_note(images)]
    if notes:
        return notes
    near = sum(_near(image, image.points) for image in images)
    if near >= LEAST_NEAR * figures:
        return []
    return [
        f"{near} of {figures} mitotic figures have a detection of any probability near them: do "
        "the annotations belong to these images, and are they in px?"
    ]


def _single_notes(images: Sequence[ScoredImage]) -> list[str]:
    """A line on images that are wrong by themselves, if there are any."""
    if len(images) == 1:
        return []
    doubtful = [
        image
        for image in images
        if len(image.figures) >= FEW_SINGLE and 2 * _found([image]) < len(image.figures)
    ]
    wrong = [
        f"{image.name} ({better})"
        for image in doubtful
        if (better := _transformed([image], LEAST_SINGLE))
    ]
    return [f"{some(wrong)}: {CORRECT}"] if wrong else []


def _transformed(images: Sequence[ScoredImage], least: float) -> str:
    """What finds clearly more figures than as stated, and this share of them; "" if nothing.

    The transformation that finds the most, or else a shift.
    """
    figures, found = sum(len(image.figures) for image in images), _found(images)
    enough = max(least * figures, TIMES * (found + 1))
    counts = {name: _found_with(images, change) for name, change in TRANSFORMATIONS.items()}
    best = max(counts, key=lambda name: counts[name])
    shift = frequent_shift(images)
    if counts[best] < enough and shift is not None:
        x, y = shift.tolist()
        best = f"moved by {x:+.0f} px along x and {y:+.0f} px along y"
        counts[best] = _found_with(images, _moved(shift))
    if counts[best] < enough:
        return ""
    return f"{found} of {figures} mitotic figures are found as stated, but {counts[best]} {best}"


def _renamed_note(images: Sequence[ScoredImage]) -> list[str]:
    """A line on images whose figures fit the detections of another image, if there are any."""
    renamed = []
    for image in images:
        figures, here = len(image.figures), _near(image, image.positives())
        if figures < FEW_RENAMED or 2 * here >= figures:
            continue
        there = {
            other.name: _near(image, other.positives())
            for other in images
            if other is not image and other.size == image.size
        }
        best = max(there, key=lambda name: there[name], default="")
        if best and there[best] >= max(LEAST_RENAMED * figures, TIMES * (here + 1)):
            renamed.append(f"{image.name} ({here} of {figures}, but {there[best]} in {best})")
    if not renamed:
        return []
    return [f"mitotic figures are found in another image, so check the file names: {some(renamed)}"]


def _found_with(images: Sequence[ScoredImage], change: Transformation) -> int:
    """How many figures are found if their positions are changed so."""
    return _found(
        [
            image._replace(
                figures=change(image.figures, np.array(image.size) - 1.0, np.array(image.mpp))
            )
            for image in images
        ]
    )


def _found(images: Sequence[ScoredImage]) -> int:
    return sum(int(match_optimal(image).true_positives) for image in images)


def _near(image: ScoredImage, points: np.ndarray) -> int:
    """How many figures have one of the points (n, 2) px within the radius."""
    if not (len(points) and len(image.figures)):
        return 0
    mpp = np.array(image.mpp)
    distance, _ = cKDTree(points * mpp).query(image.figures * mpp)
    return int((distance <= 1e3 * RADIUS).sum())
