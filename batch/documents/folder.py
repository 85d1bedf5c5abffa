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
    folder: Text = Field(description="folder of its results; empty for a single image")
    status: Literal["ok", "failed"] = Field(description="whether the image was processed")
    error: Text | None = Field(None, description="reason where it failed, one line")
    mitotic_figures: int = Field(0, ge=0, description="detections that reach the threshold")
    counts: Counts | None = Field(None, description="as in result.json")
    candidates: int | None = Field(None, ge=0, description="candidates; null where it failed")
    seconds: float | None = Field(None, ge=0, description="wall time, s; null where it failed")
    review: ReviewedCounts | None = Field(
        None, description="counts after review; null where no review was merged"
    )
    group: Text | None = Field(None, description="group in the manifest; null: none")


class FolderResults(Document):
    """The images of a run, in the order of their names."""

    images: list[FolderEntry] = Field(description="one entry for each image that is done")
    skipped: list[Text] = Field(
        default_factory=list, description="files of the input that were skipped, and why"
    )
    files: dict[Text, str] = Field(
        default_factory=dict,
        description="SHA-256 of each file written by --overlay, --geojson, --csv, --parquet and "
        "--report",
    )
    review: FolderReview | None = Field(
        None, description="what all reviews say together; null where none was merged"
    )


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
