"""Reads reviews and assigns them to the images of an output folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from batch.documents.review import Review, ReviewedImage, read_review
from report.run_hash import run_sha256
from report.saved import Saved

ByReviewer = Mapping[str, ReviewedImage]


class ReviewError(ValueError):
    """A review that does not belong to the results. Its text: file and reason in one line."""


def read_reviews(paths: Sequence[Path], images: Sequence[Saved]) -> list[dict[str, ReviewedImage]]:
    """The reviews of each image, by the reviewer's name, or the file's where that is empty.

    Raises:
        OSError: a file cannot be read.
        DocumentError: a file is not a review.
        ReviewError: a review is of another image or run, or two have the same reviewer.
    """
    found: list[dict[str, ReviewedImage]] = [{} for _ in images]
    reviewers: set[str] = set()
    for path in paths:
        review = read_review(path)
        name = review.reviewer or path.name.split(".")[0]
        if name in reviewers:
            raise ReviewError(f"{path}: a second review by {name!r}: merge one of each reviewer")
        reviewers.add(name)
        for place, reviewed in _assigned(path, review, images):
            found[place][name] = reviewed
    return found


def _assigned(
    path: Path, review: Review, images: Sequence[Saved]
) -> list[tuple[int, ReviewedImage]]:
    """Each reviewed image and the places of its results, which can be several of one file."""
    assigned = []
    for reviewed in review.images:
        same = [
            place
            for place, saved in enumerate(images)
            if saved.ok and saved.processed.image.sha256 == reviewed.sha256
        ]
        if not same:
            raise ReviewError(f"{path}: reviews {reviewed.file!r}, an image that is not in OUTPUT")
        places = [p for p in same if run_sha256(images[p].processed) == reviewed.run]
        if not places:
            raise ReviewError(
                f"{path}: reviews {reviewed.file!r} of another run: its weights, settings or "
                "detections differ from those in OUTPUT"
            )
        for place in places:
            _check_cells(path, reviewed, images[place])
            assigned.append((place, reviewed))
    return assigned


def _check_cells(path: Path, reviewed: ReviewedImage, saved: Saved) -> None:
    """Each verdict must be on a detection, and each added figure in the image."""
    known = {(found.x, found.y) for found in saved.detections}
    if any((cell.x, cell.y) not in known for cell in reviewed.verdicts):
        raise ReviewError(f"{path}: judges a cell of {reviewed.file!r} that is not a detection")
    width, height = saved.size_px
    if any(not (-1 < cell.x < width and -1 < cell.y < height) for cell in reviewed.missed):
        raise ReviewError(f"{path}: adds a figure outside the image {reviewed.file!r}")
