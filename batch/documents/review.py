"""A review: a person's verdicts on the detections of an output folder, saved by the page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from batch.documents.base import Document, Part, Text, read_document

Judgement = Literal["mitotic figure", "non-mitotic figure", "unsure"]
Share = Annotated[float, Field(ge=0, le=1)]


class ReviewedCell(Part):
    """A reviewer's verdict on a detection."""

    x: float = Field(description="px, as in result.json")
    y: float = Field(description="px, as in result.json")
    probability: Share = Field(description="as in result.json")
    verdict: Judgement | None = Field(description="null: a comment only")
    comment: Text = Field("", description="comment on the cell")


class AddedFigure(Part):
    """A mitotic figure that was not detected."""

    x: float = Field(allow_inf_nan=False, description="px, as in result.json")
    y: float = Field(allow_inf_nan=False, description="px, as in result.json")
    comment: Text = Field("", description="comment on the figure")


class ReviewedImage(Part):
    """The review of one image."""

    file: Text = Field(description="name of the image file")
    sha256: str = Field(description="SHA-256 of the image file")
    run: str = Field(
        description="hash of weights, bank, settings (except the threshold) and detections"
    )
    size_px: Annotated[tuple[int, int], Field(strict=False)] = Field(
        description="width, height, px"
    )
    pixel_size_um: Annotated[tuple[float, float], Field(strict=False)] = Field(
        description="pixel size in x, y, µm"
    )
    cells: int = Field(ge=0, description="detections offered for review")
    verdicts: list[ReviewedCell] = Field(description="reviewed detections")
    missed: list[AddedFigure] = Field(description="mitotic figures added by the reviewer")
    comment: Text = Field("", description="comment on the image")


class Review(Document):
    """One reviewer's verdicts on the images of an output folder."""

    kind: Literal["mitosis review"] = Field(description="type of the document")
    reviewer: Text = Field(description="name; may be empty")
    images: list[ReviewedImage] = Field(description="images whose review was begun")


class ReviewedCounts(Part):
    """An image's counts after review. The majority of the reviewers decides about each cell."""

    reviewers: list[Text] = Field(description="names")
    confirmed: int = Field(ge=0, description="detections judged mitotic figures")
    rejected: int = Field(ge=0, description="detections judged not mitotic")
    unsure: int = Field(ge=0, description="cells without a majority, not counted")
    added: int = Field(ge=0, description="missed mitotic figures that reviewers added")
    unreviewed: int = Field(
        ge=0, description="unreviewed detections at or above the threshold, counted"
    )
    mitotic_figures: int = Field(ge=0, description="sum of confirmed, added and unreviewed")
    mitotic_figures_per_mm2: float | None = Field(
        ge=0, description="per mm² of tissue (of the image if tissue was not measured)"
    )


class PrecisionBin(Part):
    """Precision among the reviewed detections in a range of probability."""

    low: Share = Field(description="lower bound of the probability")
    high: Share = Field(description="upper bound")
    reviewed: int = Field(ge=1, description="detections confirmed or rejected")
    confirmed: int = Field(ge=0, description="detections confirmed")
    interval: Annotated[tuple[Share, Share], Field(strict=False)] = Field(
        description="95 % Wilson interval of the precision"
    )


class Disagreement(Part):
    """A cell that two reviewers judge differently."""

    file: Text = Field(description="name of the image file")
    x: float = Field(description="px")
    y: float = Field(description="px")
    rank: int | None = Field(description="place by probability, from 1; null: added figure")
    probability: float | None = Field(description="null: added figure")
    verdicts: list[Judgement | None] = Field(description="one per reviewer; null: not marked")


class Agreement(Part):
    """How well two reviewers agree."""

    reviewers: list[Text] = Field(description="two names")
    cells: int = Field(ge=0, description="detections judged by both")
    agreed: int = Field(ge=0, description="detections judged alike")
    kappa: float | None = Field(
        description="Cohen's kappa over the three verdicts; null: undefined"
    )
    disagreements: list[Disagreement] = Field(description="cells judged differently")


class FolderReview(Part):
    """Precision and agreement over all reviews of a folder."""

    precision: list[PrecisionBin] = Field(description="precision by probability, lowest first")
    agreement: list[Agreement] = Field(description="agreement of each pair of reviewers")


REVIEW = TypeAdapter(Review)


def read_review(path: Path) -> Review:
    """Read a review that the page has saved.

    Raises:
        OSError: the file cannot be read.
        DocumentError: it is not such a document.
    """
    return read_document(path, REVIEW)
