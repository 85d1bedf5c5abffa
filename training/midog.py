"""Data set adapter: a folder of TIFF files and their annotations in MIDOG's JSON.

Everything is checked before any work, and all problems are reported at once. A scanner without any
annotation is not labelled: its images are not source data, but can be adapted to.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from evaluation.annotated_image import UNKNOWN_SIZE, AnnotatedImage, base_name
from evaluation.midog_json import AnnotationError, read_annotations
from evaluation.scored_image import UNKNOWN_DOMAIN
from slide.image import ImageError
from slide.read import read_header


class MidogError(ValueError):
    """The data cannot be used; `problems` has a line for each reason."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


class MidogImage(NamedTuple):
    """An image and its annotations.

    path       of its TIFF file
    scanner    scanner and laboratory: its domain, UNKNOWN_DOMAIN where nothing names it
    labelled   whether somebody annotated it
    figures    (n, 2) float64, centres x, y of the mitotic figures in px
    others     (m, 2) float64, centres of the hard negatives in px
    size       px (width, height)
    spacing    mm per pixel (x, y), 0 where the file is missing
    masked     (k, 2) float64, centres in px of what is painted over: no samples around them
    """

    path: Path
    scanner: str
    labelled: bool
    figures: np.ndarray
    others: np.ndarray
    size: tuple[int, int]
    spacing: tuple[float, float]
    masked: np.ndarray = np.zeros((0, 2))

    @property
    def slide(self) -> str:
        """Its case: MIDOG has one image of each."""
        return self.path.stem


def read_midog(
    folder: Path, annotations: Path, scanners: Path | None = None, mpp: float | None = None
) -> list[MidogImage]:
    """The images of an annotation file, in its order.

    Args:
        folder: holds the TIFF files, in the folders that the annotations name or without them.
        annotations: a file that evaluation/midog_json.py understands, with positions in px.
        scanners: CSV (comma or semicolon) with an image's id or file name in the first column and
            its scanner in the column `scanner`; it overrides the annotations.
        mpp: µm per pixel, where the files do not say or say it wrongly.

    The files of a scanner without labels may all be absent: MIDOG++.json lists the images of
    MIDOG 2021's fourth scanner, which are not published with it.

    Raises:
        MidogError: with every problem found.
    """
    problems: list[str] = []
    named = _scanners_in(scanners, problems) if scanners else {}
    images = [_image(folder, entry, named) for entry in _annotated(annotations, problems)]
    with_cells = {i.scanner for i in images if len(i.figures) + len(i.others)}
    images = [i._replace(labelled=i.labelled and i.scanner in with_cells) for i in images]
    present = {(i.scanner, i.labelled) for i in images if i.path.is_file()}
    for number, image in enumerate(images):
        if image.scanner == UNKNOWN_DOMAIN:
            problems.append(f"{image.path.name}: its scanner is not known, name it in --scanners")
        if image.labelled or (image.scanner, image.labelled) in present:
            images[number] = _with_header(image, mpp, problems)
    if problems:
        raise MidogError(problems)
    return [_with_centres_inside(image) for image in images]


def _annotated(annotations: Path, problems: list[str]) -> list[AnnotatedImage]:
    try:
        images = read_annotations(annotations).images
    except AnnotationError as error:
        problems += error.problems
        return []
    if any(image.millimetres for image in images):
        problems.append(f"{annotations}: positions in mm; training needs boxes in px")
    return images


def _image(folder: Path, annotated: AnnotatedImage, named: dict[str, str]) -> MidogImage:
    """An image as the annotations and the table of scanners describe it."""
    keys = (annotated.number, base_name(annotated.file_name), annotated.stem)
    return MidogImage(
        path=_find(folder, annotated.file_name),
        scanner=next((named[key] for key in keys if key in named), annotated.domain),
        labelled=annotated.labelled,
        figures=annotated.figures,
        others=annotated.hard_negatives,
        size=annotated.size,
        spacing=(0.0, 0.0),
        masked=annotated.masked,
    )


def _find(folder: Path, file_name: str) -> Path:
    """The file of an image: below the folder as it is named, or in it without its own folders."""
    named = PurePosixPath(file_name.replace("\\", "/"))
    if not named.is_absolute() and ".." not in named.parts and (folder / named).is_file():
        return folder / named
    return folder / named.name


def _with_header(image: MidogImage, mpp: float | None, problems: list[str]) -> MidogImage:
    """The image with its file's size and spacing; problems are appended."""
    path = image.path
    if not path.is_file():
        problems.append(f"{path}: missing")
        return image
    try:
        header = read_header(path, mpp)
    except ImageError as error:
        problems.append(f"{path}: {error}")
        return image
    if image.size not in (header.size, UNKNOWN_SIZE):
        problems.append(f"{path}: {header.size} pixels, the annotations say {image.size}")
    return image._replace(size=header.size, spacing=header.spacing)


def _with_centres_inside(image: MidogImage) -> MidogImage:
    """Boxes may stick out of their image; a patch is cut round the nearest pixel in it."""
    last = np.array(image.size) - 1.0
    figures, others = (np.clip(centres, 0, last) for centres in (image.figures, image.others))
    return image._replace(figures=figures, others=others)


def _scanners_in(path: Path, problems: list[str]) -> dict[str, str]:
    """Scanner by id or file name."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{path}: not readable ({error})")
        return {}
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    header, *rows = list(csv.reader(text.splitlines(), delimiter=delimiter)) or [[]]
    columns = [name.strip().lower() for name in header]
    if "scanner" not in columns[1:]:
        problems.append(f"{path}: needs an id or file name, and a column 'scanner'")
        return {}
    place = columns.index("scanner")
    return {row[0].strip(): _slug(row[place]) for row in rows if len(row) > place}


def _slug(name: str) -> str:
    return "_".join(name.lower().split())
