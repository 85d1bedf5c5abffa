"""A review: what a person says about the detections of an output folder, saved by the page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from batch.documents.base import Document, Part, Text, read_document

Judgement = Literal["mitotic figure", "non-mitotic figure", "unsure"]
Share = Annotated[float, Field(ge=0, le=1)]


class ReviewedCell(Part):
    """What a reviewer says about a detection."""

    x: float = Field(description="px, as in result.json")
    y: float = Field(description="px, as in result.json")
    probability: Share = Field(description="as in result.json")
    verdict: Judgement | None = Field(description="null for a comment alone")
    comment: Text = Field("", description="of the reviewer")


class AddedFigure(Part):
    """A mitotic figure that was not detected."""

    x: float = Field(allow_inf_nan=False, description="px, as in result.json")
    y: float = Field(allow_inf_nan=False, description="px, as in result.json")
    comment: Text = Field("", description="of the reviewer")


class ReviewedImage(Part):
    """The review of one image."""

    file: Text = Field(description="name of the image file")
    sha256: str = Field(description="SHA-256 of the image file")
    run: str = Field(description="SHA-256 of weights, bank, settings and detections of the run")
    size_px: Annotated[tuple[int, int], Field(strict=False)] = Field(
        description="width and height, px"
    )
    pixel_size_um: Annotated[tuple[float, float], Field(strict=False)] = Field(
        description="pixel size in x and y, µm"
    )
    cells: int = Field(ge=0, description="detections that the page offered for review")
    verdicts: list[ReviewedCell] = Field(description="one for each detection that was reviewed")
    missed: list[AddedFigure] = Field(description="mitotic figures that the reviewer added")
    comment: Text = Field("", description="on the image")


class Review(Document):
    """One reviewer's verdicts on the images of an output folder."""

    kind: Literal["mitosis review"] = Field(description="marks a review")
    reviewer: Text = Field(description="name, may be empty")
    images: list[ReviewedImage] = Field(description="those that the reviewer has begun")


class ReviewedCounts(Part):
    """An image's counts after review. A reviewer's majority decides about a cell."""

    reviewers: list[Text] = Field(description="names")
    confirmed: int = Field(ge=0, description="detections that are mitotic figures")
    rejected: int = Field(ge=0, description="detections that are not")
    unsure: int = Field(ge=0, description="cells without a majority; not counted")
    added: int = Field(ge=0, description="mitotic figures that were not detected")
    unreviewed: int = Field(
        ge=0, description="detections that reach the threshold and were not reviewed; counted"
    )
    mitotic_figures: int = Field(ge=0, description="confirmed, added and unreviewed")
    mitotic_figures_per_mm2: float | None = Field(
        ge=0, description="per mm² of tissue, or of the image where tissue was not measured"
    )


class PrecisionBin(Part):
    """Precision among the reviewed detections in a range of probability."""

    low: Share = Field(description="least probability")
    high: Share = Field(description="next range's least probability")
    reviewed: int = Field(ge=1, description="confirmed and rejected detections")
    confirmed: int = Field(ge=0, description="of these")
    interval: Annotated[tuple[Share, Share], Field(strict=False)] = Field(
        description="95 % confidence interval of the precision (Wilson 1927)"
    )


class Disagreement(Part):
    """A cell that two reviewers judge differently."""

    file: Text = Field(description="name of the image file")
    x: float = Field(description="px")
    y: float = Field(description="px")
    rank: int | None = Field(description="by probability, from 1; null for an added figure")
    probability: float | None = Field(description="null for an added figure")
    verdicts: list[Judgement | None] = Field(description="one each; null: not marked")


class Agreement(Part):
    """How well two reviewers agree."""

    reviewers: list[Text] = Field(description="two names")
    cells: int = Field(ge=0, description="detections that both judged")
    agreed: int = Field(ge=0, description="judged alike")
    kappa: float | None = Field(
        description="Cohen's kappa over the three verdicts (Cohen 1960); null where undefined"
    )
    disagreements: list[Disagreement] = Field(description="cells judged differently")


class FolderReview(Part):
    """What all reviews of a folder say together."""

    precision: list[PrecisionBin] = Field(description="by probability, the lowest first")
    agreement: list[Agreement] = Field(description="of each pair of reviewers")


REVIEW = TypeAdapter(Review)


def read_review(path: Path) -> Review:
    """Read a review that the page has saved.

    Raises:
        OSError: the file cannot be read.
        DocumentError: it is not such a document.
    """
    return read_document(path, REVIEW)
