"""What a run keeps of an image that is done: what the summary and the closing table show of it."""

from __future__ import annotations

from dataclasses import dataclass

from batch.account import cells
from batch.documents import FolderEntry, ImageResult, ProcessedImage, entry


@dataclass(frozen=True)
class Outcome:
    """Small, whatever the image: the detections stay on disk.

    Attributes:
        entry: of the image in `results.json`.
        cells: of the image in the closing table, after its name; None where it failed.
        sha256: of the image's file; None where it failed.
    """

    entry: FolderEntry
    cells: list[str] | None = None
    sha256: str | None = None

    @classmethod
    def of(cls, result: ImageResult, folder: str) -> Outcome:
        """The outcome of an image whose results are in this folder of the output."""
        if not isinstance(result, ProcessedImage):
            return cls(entry(result, folder))
        return cls(entry(result, folder), cells(result), result.image.sha256)
