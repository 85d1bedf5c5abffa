"""`results.json`: what became of each image of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, TypeAdapter

from batch.documents.base import Document, Part, Text, read_document
from batch.documents.counts import Counts
from batch.documents.result import ImageResult, ProcessedImage
from batch.documents.review import FolderReview, ReviewedCounts


class FolderEntry(Part):
    """One image of the folder."""

    file: Text = Field(description="name of the image file")
    folder: Text = Field(description="folder of its results; empty: OUTPUT itself")
    status: Literal["ok", "failed"] = Field(description="whether the image was processed")
    error: Text | None = Field(None, description="reason for a failure, one line")
    mitotic_figures: int = Field(0, ge=0, description="detections at or above the threshold")
    counts: Counts | None = Field(None, description="as in result.json")
    candidates: int | None = Field(None, ge=0, description="number of candidates classified")
    seconds: float | None = Field(None, ge=0, description="wall time, s")
    review: ReviewedCounts | None = Field(None, description="counts after review")
    group: Text | None = Field(None, description="group in the manifest")


class FolderResults(Document):
    """The images of a run, in the order of their names."""

    images: list[FolderEntry] = Field(description="the images done so far")
    skipped: list[Text] = Field(
        default_factory=list, description="input files that were skipped, with the reason"
    )
    copies: list[list[Text]] = Field(
        default_factory=list, description="files that show the same image"
    )
    files: dict[Text, str] = Field(
        default_factory=dict,
        description="SHA-256 of each report file (page, pictures, tables)",
    )
    review: FolderReview | None = Field(None, description="all reviews together")


FOLDER_RESULTS = TypeAdapter(FolderResults)


def read_summary(path: Path) -> FolderResults:
    """Read a `results.json` of this version or of 0.1.0.

    Raises:
        OSError: the file cannot be read.
        DocumentError: it is not such a document.
    """
    return read_document(path, FOLDER_RESULTS)


def entry(result: ImageResult, folder: str) -> FolderEntry:
    """The entry of an image whose results are in this folder of the output."""
    if isinstance(result, ProcessedImage):
        return FolderEntry(
            file=result.file,
            folder=folder,
            status="ok",
            mitotic_figures=result.mitotic_figures,
            counts=result.counts,
            candidates=result.candidates,
            seconds=result.seconds.get("total"),
        )
    return FolderEntry(file=result.file, folder=folder, status="failed", error=result.error)
