"""Data set adapter: MIDOG 2021 and MIDOG++, a folder of TIFFs with MIDOG.json or MIDOG++.json.

Everything is checked before any work, and all that is wrong is said at once. A scanner without any
annotation is not labelled: its images are no source, but can be adapted to.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evaluation.ground_truth import MIDOG_2021
from slide.image import ImageError
from slide.read import read_header

CATEGORIES = {1: "mitotic figure", 2: "look-alike"}  # of both annotation files
LAB_2021 = "utrecht"
# Last image id, scanner and lab in MIDOG 2022 and MIDOG++, behind those of MIDOG 2021:
# datasets_xvalidation.csv of github.com/DeepMicroscopy/MIDOGpp ("3D Histech" there) and Aubreville
# et al. 2023, "A comprehensive multi-domain dataset for mitotic figure detection", table 1.
MIDOG_PP = (
    (299, "pannoramic_scan_ii_vienna"),  # canine lung cancer, lymphoma
    (349, "aperio_cs2_berlin"),  # canine mast cell tumour
    (404, "hamamatsu_xr_utrecht"),  # human neuroendocrine tumour
    (489, "pannoramic_scan_ii_new_york"),  # canine soft tissue sarcoma
    (504, "pannoramic_scan_ii_vienna"),
    (553, "hamamatsu_xr_utrecht"),  # human melanoma
)
BY_ID = (*((last, f"{scanner}_{LAB_2021}") for last, scanner, _ in MIDOG_2021), *MIDOG_PP)


class MidogError(ValueError):
    """The data cannot be used; `problems` has a line for each reason."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


class MidogImage(NamedTuple):
    """An image and its annotations.

    path       of its TIFF file
    scanner    scanner and lab: its domain
    labelled   whether its scanner has annotations
    figures    (n, 2) float64, centres x, y of the mitotic figures in px
    others     (m, 2) float64, centres of the hard negatives in px
    size       px (width, height)
    spacing    mm per pixel (x, y), 0 where the file is not there
    """

    path: Path
    scanner: str
    labelled: bool
    figures: np.ndarray
    others: np.ndarray
    size: tuple[int, int]
    spacing: tuple[float, float]

    @property
    def slide(self) -> str:
        """Its case: MIDOG has one image of each."""
        return self.path.stem


def read_midog(
    folder: Path, annotations: Path, scanners: Path | None = None, mpp: float | None = None
) -> list[MidogImage]:
    """The images of an annotation file, in its order.

    Args:
        folder: holds the TIFF files.
        annotations: MIDOG.json, MIDOG++.json or a file of their form. Boxes are x1, y1, x2, y2 and
            may stick out of their image as long as their centre lies in it.
        scanners: CSV (comma or semicolon) with an image's id or file name in the first column and
            its scanner in the column `scanner`; it overrides what follows from the id.
        mpp: µm per pixel, where the files do not say or say it wrongly.

    The files of a scanner without labels may all be absent: MIDOG++.json lists the images of
    MIDOG 2021's fourth scanner, which are not published with it.

    Raises:
        MidogError: with every problem that was found.
    """
    problems: list[str] = []
    entries, boxes = parse_annotations(annotations, problems)
    named = _scanners_in(scanners, problems) if scanners else {}
    scanners_of = {number: _scanner(number, entry, named) for number, entry in entries.items()}
    labelled = {scanners_of[number] for number, found in boxes.items() if found}
    present = {scanners_of[n] for n, e in entries.items() if (folder / e["file_name"]).is_file()}
    images = []
    for number, entry in entries.items():
        path, scanner = folder / entry["file_name"], scanners_of[number]
        if scanner is None:
            problems.append(f"{path.name}: its scanner is not known, name it in --scanners")
        size, spacing = (entry["width"], entry["height"]), (0.0, 0.0)
        if scanner is None or scanner in labelled | present:
            spacing = _check_file(path, size, mpp, problems)
        centres = {kind: _centres(boxes[number], kind) for kind in CATEGORIES}
        images.append(
            MidogImage(
                path, scanner or "", scanner in labelled, centres[1], centres[2], size, spacing
            )
        )
    if problems:
        raise MidogError(problems)
    return images


def parse_annotations(
    path: Path, problems: list[str]
) -> tuple[dict[int, dict[str, Any]], dict[int, list[tuple[int, float, float]]]]:
    """Images and (category, x, y) of their boxes' centres by image id; problems are appended."""
    try:
        content = json.loads(path.read_text())
        listed, annotations = content["images"], content["annotations"]
        if not isinstance(listed, list) or not isinstance(annotations, list):
            raise TypeError("'images' and 'annotations' must be lists")
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        problems.append(f"{path}: not a whole file of MIDOG's form ({error})")
        return {}, {}
    entries: dict[int, dict[str, Any]] = {}
    names: Counter[str] = Counter()
    for entry in listed:
        if not _is_image(entry):
            problems.append(f"{path}: image {entry!r} lacks id, file_name, width or height")
            continue
        names[entry["file_name"]] += 1
        if entry["id"] in entries:
            problems.append(f"{path}: two images have the id {entry['id']}")
        if names[entry["file_name"]] == 2:
            problems.append(f"{path}: two images have the file name {entry['file_name']}")
        entries.setdefault(entry["id"], entry)
    boxes: dict[int, list[tuple[int, float, float]]] = {number: [] for number in entries}
    for annotation in annotations:
        problem = _add_box(annotation, entries, boxes)
        if problem:
            problems.append(f"{path}: {problem}")
    if not entries and not problems:
        problems.append(f"{path}: lists no image")
    return entries, boxes


def split_images(
    images: Sequence[MidogImage], training_share: float, left_out: Sequence[str], seed: int
) -> tuple[list[MidogImage], list[MidogImage]]:
    """Images of each labelled scanner for training and for validation (paper, section 2.2).

    The split of a scanner depends on its own images and the seed alone; scanners that are left out
    give all of theirs to neither.

    Raises:
        MidogError: a scanner to be left out is not there, or one has too few images to be split.
    """
    labelled = [image for image in images if image.labelled]
    scanners = sorted({image.scanner for image in labelled})
    problems = [f"--leave-out-scanner {s}: the scanners are {scanners}" for s in left_out
                if s not in scanners]  # fmt: skip
    training: list[MidogImage] = []
    validation: list[MidogImage] = []
    for scanner in sorted(set(scanners) - set(left_out)):
        here = sorted((i for i in labelled if i.scanner == scanner), key=lambda i: i.path.name)
        count = round(training_share * len(here))
        if not 0 < count < len(here):
            problems.append(f"{scanner}: {len(here)} images cannot be split {training_share:.0%}")
            continue
        digest = hashlib.sha256(scanner.encode()).digest()
        order = np.random.default_rng([seed, *digest[:4]]).permutation(len(here))
        training += [here[i] for i in sorted(order[:count])]
        validation += [here[i] for i in sorted(order[count:])]
    if problems or not training:
        raise MidogError(problems or ["no scanner is left to train on"])
    return training, validation


def report(
    images: Sequence[MidogImage], training: Sequence[MidogImage], validation: Sequence[MidogImage]
) -> str:
    """What will be used: a line a scanner."""
    uses = dict.fromkeys(map(_key, training), "training")
    uses |= dict.fromkeys(map(_key, validation), "validation")
    lines = []
    for scanner in sorted({image.scanner for image in images}):
        here = [image for image in images if image.scanner == scanner]
        figures, others = (sum(map(len, c)) for c in zip(*((i.figures, i.others) for i in here),
                                                         strict=True))  # fmt: skip
        counts = Counter(uses.get(_key(image), "left out") for image in here)
        if not here[0].labelled:
            use = "targets only" if here[0].path.is_file() else "not in the folder, left out"
            lines.append(f"{scanner}: {len(here)} images, not labelled: {use}")
            continue
        shares = ", ".join(f"{count} {use}" for use, count in sorted(counts.items()))
        mpp = sorted({round(1000 * image.spacing[0], 4) for image in here})
        lines.append(
            f"{scanner}: {len(here)} images ({shares}), {figures} mitotic figures, "
            f"{others} hard negatives, {', '.join(map(str, mpp))} µm per pixel"
        )
    outside = sum(_sticking_out(image) for image in images)
    lines.append(f"{outside} figures and hard negatives lie within 25 px of a border: mirrored")
    return "\n".join(lines)


def _key(image: MidogImage) -> str:
    return image.path.name


def _sticking_out(image: MidogImage) -> int:
    """Annotations whose box of 50 px sticks out of the image."""
    centres = np.concatenate([image.figures, image.others])
    return int(((centres < 25) | (centres > np.array(image.size) - 25)).any(axis=1).sum())


def _is_image(entry: Any) -> bool:
    kinds = {"id": int, "file_name": str, "width": int, "height": int}
    return isinstance(entry, dict) and all(isinstance(entry.get(k), t) for k, t in kinds.items())


def _add_box(annotation: Any, entries: dict[int, Any], boxes: dict[int, Any]) -> str | None:
    """Add the centre of an annotation's box, or say what is wrong with it."""
    if not isinstance(annotation, dict):
        return f"annotation {annotation!r} is no object"
    name = f"annotation {annotation.get('id')}"
    entry = entries.get(annotation.get("image_id", -1))
    if entry is None:
        return f"{name} is for image {annotation.get('image_id')}, which is not listed"
    kind = annotation.get("category_id")
    if kind not in CATEGORIES:
        return f"{name} has the unknown category {kind}"
    try:
        x1, y1, x2, y2 = (float(value) for value in annotation["bbox"])
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        if not (x1 <= x2 and y1 <= y2 and math.isfinite(x) and math.isfinite(y)):
            raise ValueError
    except (KeyError, TypeError, ValueError):
        return f"{name}: bbox {annotation.get('bbox')} is not x1, y1, x2, y2"
    if not (0 <= x < entry["width"] and 0 <= y < entry["height"]):
        return f"{name}: bbox {annotation['bbox']} is centred outside {entry['file_name']}"
    boxes[entry["id"]].append((kind, x, y))
    return None


def _centres(boxes: list[tuple[int, float, float]], kind: int) -> np.ndarray:
    return np.array([box[1:] for box in boxes if box[0] == kind], np.float64).reshape(-1, 2)


def _check_file(
    path: Path, size: tuple[int, int], mpp: float | None, problems: list[str]
) -> tuple[float, float]:
    """The file's mm per pixel (x, y); problems are appended."""
    if not path.is_file():
        problems.append(f"{path}: missing")
        return (0.0, 0.0)
    try:
        header = read_header(path, mpp)
    except ImageError as error:
        problems.append(f"{path}: {error}")
        return (0.0, 0.0)
    if header.size != size:
        problems.append(f"{path}: {header.size} pixels, the annotations say {size}")
    return header.spacing


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


def _scanner(number: int, entry: dict[str, Any], named: dict[str, str]) -> str | None:
    """From the CSV, the entry's own `domain`, or the id where the file is named after it."""
    stem = Path(entry["file_name"]).stem
    for key in (str(number), entry["file_name"], stem):
        if key in named:
            return named[key]
    if isinstance(entry.get("domain"), str):
        return str(entry["domain"])
    if stem != f"{number:03d}":
        return None
    return next((scanner for last, scanner in BY_ID if number <= last), None)
