"""The results that `process.py` saved, and the way back to the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from batch.challenge_json import MITOTIC_FIGURE, NON_MITOTIC_FIGURE
from batch.documents import (
    Detection,
    DocumentError,
    ImageResult,
    ProcessedImage,
    read_result,
    read_summary,
)
from batch.inputs import find_images
from batch.layout import RESULT_FILE, SUMMARY_FILE
from model.hashes import file_sha256
from slide.image import ImageError
from slide.read import read_image


@dataclass(frozen=True)
class Saved:
    """An image's `result.json`.

    Attributes:
        folder: where it is.
        result: its content.
        name: of the folder, in `results.json`.
        group: of the image, in `results.json`; None: not stated.
    """

    folder: Path
    result: ImageResult
    name: str = ""
    group: str | None = None

    @property
    def file(self) -> str:
        """Name of the image's file."""
        return self.result.file

    @property
    def ok(self) -> bool:
        """Whether the image was processed; where not, there are no detections."""
        return isinstance(self.result, ProcessedImage)

    @property
    def processed(self) -> ProcessedImage:
        """The result of an image that was processed.

        Raises:
            TypeError: it was not.
        """
        if not isinstance(self.result, ProcessedImage):
            raise TypeError(f"{self.file} was not processed")
        return self.result

    @property
    def threshold(self) -> float:
        """Probability from which a detection is a mitotic figure."""
        return self.processed.threshold

    @property
    def detections(self) -> Sequence[Detection]:
        """The most probable first; none where the image failed."""
        return self.processed.detections if self.ok else []

    @property
    def figures(self) -> int:
        """How many detections reach the threshold: they come first."""
        return self.processed.mitotic_figures if self.ok else 0

    def name_of(self, detection: Detection) -> str:
        """What the run called a detection, as in `mitotic-figures.json`."""
        reached = detection.probability >= self.threshold
        return MITOTIC_FIGURE if reached else NON_MITOTIC_FIGURE

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        return self.processed.size_px

    @property
    def mpp(self) -> tuple[float, float]:
        """µm per pixel, (x, y)."""
        return self.processed.pixel_size_um

    @property
    def area_mm2(self) -> float:
        """Area of the image, glass included."""
        width, height = self.size_px
        return width * height * self.mpp[0] * self.mpp[1] / 1e6

    @property
    def has_tissue(self) -> bool:
        """Whether the area of tissue was measured."""
        return self.processed.tissue is not None

    @property
    def counted_mm2(self) -> float:
        """The area that densities refer to: of tissue where it was measured, else of the image."""
        tissue = self.processed.tissue
        return self.area_mm2 if tissue is None else tissue.area_mm2


def load_output(output: Path) -> list[Saved]:
    """The images of an output folder, in the order of its summary.

    Raises:
        ValueError: process.py did not write the folder; the message says what to do.
        OSError: a file cannot be read.
    """
    try:
        entries = read_summary(output / SUMMARY_FILE).images
        folders = [_inside(output, entry.folder) for entry in entries]
        return [
            Saved(folder, read_result(folder / RESULT_FILE), entry.folder, entry.group)
            for folder, entry in zip(folders, entries, strict=True)
        ]
    except FileNotFoundError as error:
        raise ValueError(
            f"{error.filename} is missing: OUTPUT must be a folder that process.py has written"
        ) from error
    except DocumentError as error:
        raise ValueError(f"{error}: run process.py again") from error


def _inside(output: Path, name: str) -> Path:
    """An image's folder. What is made of the results is written there, so it must not be elsewhere.

    Raises:
        ValueError: the name, or a link of that name, leads out of the output folder.
    """
    folder = output / name
    if not folder.resolve().is_relative_to(output.resolve()):
        raise ValueError(f"{output / SUMMARY_FILE} names a folder outside {output}: {name!r}")
    return folder


def read_pixels(saved: Saved, source: Path | None = None) -> np.ndarray:
    """(height, width, 3) uint8 RGB of the file that the result was made from; see `find_image`."""
    return read_image(find_image(saved, source), saved.mpp[0]).pixels


def find_image(saved: Saved, source: Path | None = None) -> Path:
    """The very file that a result was made from.

    Args:
        saved: result of the image.
        source: image or folder of images, as `--input` of process.py; None for the place that
            `result.json` keeps, which is relative to it.

    Raises:
        ImageError: the file is not there, or is not the one of the result.
    """
    kept = saved.processed.image
    path = saved.folder / kept.path
    if source is not None:
        named = [image for image in find_images(source, True).images if image.name == saved.file]
        same = (image for image in named if file_sha256(image) == kept.sha256)
        path = next(same, named[0] if named else source / saved.file)
    if not path.is_file():
        raise ImageError(f"not found at {path}: give the folder of the images with --input")
    if file_sha256(path) != kept.sha256:
        raise ImageError(f"{path} is not the file that was processed: its content differs")
    return path
