"""Whether annotations lie where the detections do, or would if turned, scaled or moved."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from evaluation.ground_truth import some
from evaluation.near import count_found, count_near
from evaluation.scored_image import ScoredImage
from evaluation.shift import frequent_shift
from evaluation.transformations import TRANSFORMATIONS, Transformation

# Within 4 µm, 95 % of the 3,230 figures of `fields_a`, `unseen_lab` and montages of crops of 182
# slides have a detection (89 % of those of `fields_a` with the paper's candidates), and at least
# 71 % in each image of FEW_FIGURES or more. Of positions in other images or changed in any way, 2
# to 5 % have. No right image by itself and no draw of 1 to 20 images (4,000) was doubtful, nor any
# with half of the positives, any threshold, or positions off by 2 µm at random.
NEAR = 4.0  # µm
LEAST_NEAR, LEAST_NEAR_HINTED = 0.2, 0.5
FEW_FIGURES = 5  # without a hint
# A hint has to put this share of the figures near positive detections, and this many times as many
# as are there, and one. In `fields_a`, all of the 20 images with 4 figures or more were named, each
# as the only wrong one, if turned, mirrored, exchanged, multiplied by 0.25 to 0.95 or 1.05 to 4, or
# moved by more than 7.5 µm; those of 0.98 or 1.02 only where most of their figures were not found.
LEAST_HINTED, TIMES = 0.2, 3
EQUAL = 3.0  # px by which half the width and half the height of usual boxes differ at most
HINT = ", but "


def misplaced_note(images: Sequence[ScoredImage]) -> list[str]:
    """A line where the figures are unlikely to lie where the annotations state them.

    It is on all images together if one hint fits them, or else on those that are doubtful by
    themselves, if there are any.
    """
    images = [image for image in images if len(image.points)]
    together = _doubt(images, LEAST_NEAR)
    wrong = [together] if HINT in together else _single_doubts(images) or [together]
    if not any(wrong):
        return []
    return [
        f"too few mitotic figures have a detection of any probability near them: {some(wrong)}: do "
        "the annotations belong to these images, and are they in px of the full resolution?"
    ]


def _single_doubts(images: Sequence[ScoredImage]) -> list[str]:
    doubts = {image.name: _doubt([image], LEAST_NEAR_HINTED, images) for image in images}
    return [f"{name} ({doubt})" for name, doubt in doubts.items() if doubt]


def _doubt(images: Sequence[ScoredImage], enough: float, others: Sequence[ScoredImage] = ()) -> str:
    """How many figures of the images have a detection near them, and a hint; "" if not doubtful.

    Args:
        images: whose figures are counted together.
        enough: from this share of figures near detections on, no hint is looked for.
        others: images whose detections the figures may fit instead.
    """
    figures = sum(len(image.figures) for image in images)
    near = sum(_near(image.figures, image.points, image) for image in images)
    if near >= enough * figures:
        return ""
    found = sum(count_found(image.figures, image) for image in images)
    hint = _hint(images, others)  # of half a box too, by which most figures are found all the same
    surely = figures >= FEW_FIGURES and near < LEAST_NEAR * figures and 2 * found < figures
    return f"{near} of {figures}{hint}" if hint or surely else ""


def _hint(images: Sequence[ScoredImage], others: Sequence[ScoredImage]) -> str:
    """What puts clearly more of the figures near positive detections; "" if nothing does."""
    changes = {**TRANSFORMATIONS, **_shift(images)}
    counts = Counter[str]()
    for image in images:
        last, mpp = np.array(image.size) - 1.0, np.array(image.mpp)
        changed = np.stack([change(image.figures, last, mpp) for change in changes.values()])
        near = _near(changed, image.positives(), image)
        counts.update(dict(zip(changes, near.tolist(), strict=True)))
        for other in others:
            if other is not image and other.size == image.size:
                counts[f"in {other.name}"] += int(_near(image.figures, other.positives(), image))
    best, count = counts.most_common(1)[0]
    figures = sum(len(image.figures) for image in images)
    here = sum(_near(image.figures, image.positives(), image) for image in images)
    enough = max(LEAST_HINTED * figures, TIMES * (here + 1))
    return f"{HINT}{count} {best}" if count >= enough else ""


def _shift(images: Sequence[ScoredImage]) -> dict[str, Transformation]:
    """The most frequent shift by its name, if there is one."""
    shift = frequent_shift(images)
    if shift is None:
        return {}
    x, y = shift.tolist()
    centre = " (are the boxes stated by their centre?)" if x < 0 > y and abs(x - y) < EQUAL else ""
    name = f"moved by {x:+.0f} px along x and {y:+.0f} px along y{centre}"
    return {name: lambda stated, _last, _mpp: stated + shift}


def _near(positions: np.ndarray, points: np.ndarray, image: ScoredImage) -> np.ndarray:
    return count_near(positions, points, image.mpp, NEAR)
