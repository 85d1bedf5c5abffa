"""Reviewed images as annotations in MIDOG's form, for --ground-truth, a threshold and training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from batch.challenge_json import MITOTIC_FIGURE
from report.reviews.consensus import reviewed_cells
from report.reviews.read import ByReviewer, ReviewError
from report.saved import Saved

BOX = 50.0  # px: MIDOG's boxes are squares of this side round the centre of a cell
CATEGORIES = [{"id": 1, "name": "mitotic figure"}, {"id": 2, "name": "not mitotic figure"}]


def unreviewed(reviews: ByReviewer) -> int:
    """How many of the cells that the page offered nobody judged."""
    judged = {(c.x, c.y) for r in reviews.values() for c in r.verdicts if c.verdict is not None}
    return max((review.cells for review in reviews.values()), default=0) - len(judged)


def midog_annotations(images: Sequence[Saved], reviews: Sequence[ByReviewer]) -> dict[str, Any]:
    """The annotations of the images that were reviewed completely.

    Cells that are not mitotic figures, and those without a majority, are look-alikes. Every
    detection of a scored image that is no annotated figure counts as wrong, so an image of which
    cells were not reviewed is left out.

    Raises:
        ReviewError: no image was reviewed completely.
    """
    complete = [
        (saved, by_reviewer)
        for saved, by_reviewer in zip(images, reviews, strict=True)
        if by_reviewer and unreviewed(by_reviewer) <= 0
    ]
    if not complete:
        raise ReviewError("no image is reviewed completely, so there are no annotations to write")
    cells = [
        (number, cell)
        for number, (saved, by_reviewer) in enumerate(complete, 1)
        for cell in reviewed_cells(saved, by_reviewer)
    ]
    return {
        "info": {"description": "reviewed detections"},
        "images": [_image(number, saved) for number, (saved, _) in enumerate(complete, 1)],
        "categories": CATEGORIES,
        "annotations": [
            {
                "id": place,
                "image_id": number,
                "category_id": 1 if cell.verdict == MITOTIC_FIGURE else 2,
                "bbox": _box(cell.x, cell.y),
            }
            for place, (number, cell) in enumerate(cells, 1)
        ],
    }


def _image(number: int, saved: Saved) -> dict[str, Any]:
    width, height = saved.size_px
    mpp = list(saved.mpp)
    return {"id": number, "file_name": saved.file, "width": width, "height": height, "mpp": mpp}


def _box(x: float, y: float) -> list[float]:
    half = BOX / 2
    return [x - half, y - half, x + half, y + half]
