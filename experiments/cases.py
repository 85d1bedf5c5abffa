"""Annotated images under virtual scanners: what an experiment runs over."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import numpy as np

from evaluation import ScoringError
from evaluation.annotated_image import AnnotatedImage
from evaluation.ground_truth import read_ground_truth
from slide.read import read_image
from training.virtual_scanners import AS_IT_IS, CHOOSING, REPORTING, Scanner

SCANNERS: dict[str, dict[str, Scanner]] = {
    "none": {AS_IT_IS: CHOOSING[AS_IT_IS]},
    "choosing": CHOOSING,
    "reporting": REPORTING,
}
VIRTUAL_SCANNERS = CHOOSING | REPORTING  # by name


class Field(NamedTuple):
    """Pixels, and where candidates are looked for.

    Attributes:
        pixels: (height, width, 3) uint8 RGB.
        mpp: µm per pixel, one for both axes or (x, y).
        masked: (k, 2) x, y in px of painted figures, near which no candidate is looked at.
        centres: (n, 2) x, y in px of the candidates at the training resolution; None to find them.
    """

    pixels: np.ndarray
    mpp: float | tuple[float, float]
    masked: np.ndarray = np.zeros((0, 2))
    centres: np.ndarray | None = None


class Case(NamedTuple):
    """One annotated image under one virtual scanner."""

    scanner: str
    annotated: AnnotatedImage
    path: Path

    @property
    def image(self) -> str:
        """Name of the image."""
        return self.annotated.stem

    def read(self) -> Field:
        """The image as the virtual scanner sees it."""
        image = read_image(self.path)
        return Field(VIRTUAL_SCANNERS[self.scanner](image.pixels), image.mpp, self.annotated.masked)


def find_cases(
    folder: Path, only: str = "*", scanners: str = "none", limit: int | None = None
) -> list[Case]:
    """The annotated images of a folder under each virtual scanner.

    Args:
        folder: holds images at any depth, and ground_truth.json.
        only: pattern of the stems of images.
        scanners: a name of SCANNERS.
        limit: number of images at most.

    Raises:
        ScoringError: no image was found, or one that matches is missing.
    """
    truth = read_ground_truth(folder / "ground_truth.json")
    chosen = [image for stem, image in truth.items() if fnmatchcase(stem, only)][:limit]
    if not chosen:
        raise ScoringError(f"no image of {folder / 'ground_truth.json'} matches {only!r}")
    return list(_cases(folder, chosen, SCANNERS[scanners]))


def _cases(
    folder: Path, images: list[AnnotatedImage], scanners: dict[str, Scanner]
) -> Iterator[Case]:
    files = {path.stem: path for path in sorted(folder.rglob("*")) if path.is_file()}
    for image in images:
        if image.stem not in files:
            raise ScoringError(f"{image.file_name} is not in {folder}")
    for scanner in scanners:
        for image in images:
            yield Case(scanner, image, files[image.stem])
