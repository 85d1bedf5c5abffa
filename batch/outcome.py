"""What a run keeps of an image that is done: what the summary and the closing table show of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from batch.account import cells
from batch.documents import FolderEntry, ImageResult, ProcessedImage, entry

FEWEST_DETECTIONS = 3  # whose places, to 0.001 px, two images do not share by chance


@dataclass(frozen=True)
class Outcome:
    """Small, whatever the image: the detections stay on disk.

    Attributes:
        entry: of the image in `results.json`.
        cells: of the image in the closing table, after its name; None where it failed.
        identities: of its content; images that share one are copies. Empty where it failed.
    """

    entry: FolderEntry
    cells: list[str] | None = None
    identities: tuple[str, ...] = ()

    @classmethod
    def of(cls, result: ImageResult, folder: str) -> Outcome:
        """The outcome of an image whose results are in this folder of the output."""
        if not isinstance(result, ProcessedImage):
            return cls(entry(result, folder))
        return cls(entry(result, folder), cells(result), identities(result))


def identities(result: ProcessedImage) -> tuple[str, ...]:
    """What copies of an image have in common: the file's SHA-256, or size and detections.

    The latter identifies an image that is stored twice, such as deflated or as PNG.
    """
    file = result.image.sha256
    places = sorted((round(d.x, 3), round(d.y, 3)) for d in result.detections)
    if len(places) < FEWEST_DETECTIONS:
        return (file,)
    return file, hashlib.sha256(repr((result.size_px, places)).encode()).hexdigest()
