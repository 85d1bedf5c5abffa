"""The reviews of a folder, merged into counts and comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from batch.documents.review import FolderReview, ReviewedCounts
from report.reviews.agreement import folder_review
from report.reviews.consensus import corrected
from report.reviews.read import ByReviewer
from report.saved import Saved


class Merged(NamedTuple):
    """What the reviews of a folder say.

    Attributes:
        images: the counts of each image after review; None for one that nobody reviewed.
        folder: precision and agreement.
    """

    images: list[ReviewedCounts | None]
    folder: FolderReview


def merge(images: Sequence[Saved], reviews: Sequence[ByReviewer]) -> Merged:
    """Merge the reviews of each image, as `read_reviews` assigns them."""
    pairs = list(zip(images, reviews, strict=True))
    counts = [
        corrected(saved, by_reviewer) if by_reviewer else None for saved, by_reviewer in pairs
    ]
    return Merged(counts, folder_review(images, reviews))
