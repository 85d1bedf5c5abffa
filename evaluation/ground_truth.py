"""Ground truth in the form of MIDOG.json.

    {"images": [{"id": 1, "file_name": "A03_02.tif", "width": 2084, "height": 2084,
                 "slide": "A03", "domain": "aperio_xt_paris", "mpp": 0.2456}, ...],
     "annotations": [{"image_id": 1, "bbox": [x1, y1, x2, y2], "category_id": 1}, ...]}

`slide`, `domain` and `mpp` (µm per pixel: one number, or [x, y]) may be absent, as they are in
MIDOG.json itself, and so may `tissue`, which slides of the same tissue on several scanners share.
`bbox` holds two corners in px, not COCO's corner and size. Category 3 marks what is not tissue: a
figure that somebody has painted over.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evaluation import ScoringError
from evaluation.scored_image import UNKNOWN_DOMAIN

MITOTIC_FIGURE = 1
MASKED = 3
MASK_RADIUS = 45.0  # px round a painted figure of the ICPR 2012 fields that are not tissue

# Last image id, scanner and µm per pixel in the MIDOG 2021 training set, as the challenge describes
# it. The file itself names no scanner: it follows from the id.
MIDOG_2021 = (
    (50, "hamamatsu_xr", 0.23),
    (100, "hamamatsu_s360", 0.23),
    (150, "aperio_cs2", 0.25),
    (200, "leica_gt450", 0.26),
)
UNLABELLED = "leica_gt450"


class AnnotatedImage(NamedTuple):
    """The annotations of one image.

    figures         (n, 2) float64, centres x, y of the mitotic figures in px
    hard_negatives  (m, 2) float64, centres of the other annotations: look-alikes
    masked          (k, 2) float64, centres of what is painted over
    size            px (width, height)
    mpp             µm per pixel (x, y), None where the file does not say
    slide           slide or case, None where the file does not say
    tissue          the same for slides of the same tissue, the slide where the file does not say
    """

    file_name: str
    figures: np.ndarray
    hard_negatives: np.ndarray
    size: tuple[int, int]
    mpp: tuple[float, float] | None
    slide: str | None
    domain: str
    masked: np.ndarray = np.zeros((0, 2))
    tissue: str | None = None

    @property
    def stem(self) -> str:
        return Path(self.file_name).stem


def read_ground_truth(path: Path) -> dict[str, AnnotatedImage]:
    """The annotated images of a file by their stem, in the order of the file.

    MIDOG.json is recognised by its file names (001.tiff is image 1, up to 200): there scanner and
    pixel size come from the id, each image is a case of its own, and the Leica images, which
    nobody labelled, are left out. Raises ScoringError where the file is not of this form.
    """
    try:
        content = json.loads(path.read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ScoringError(f"{path}: not a readable JSON file ({error})") from error
    try:
        return _labelled_images(content)
    except ScoringError as error:
        raise ScoringError(f"{path}: {error}") from error


def _labelled_images(content: Any) -> dict[str, AnnotatedImage]:
    if not isinstance(content, dict):
        raise ScoringError("expected an object with 'images' and 'annotations' (MIDOG form)")
    entries = _entries_by_id(content)
    figures, others, masked = _centres_by_id(content, entries)
    midog = _is_midog_2021(entries)
    images: dict[str, AnnotatedImage] = {}
    for number, entry in entries.items():
        image = _image(entry, number, figures[number], others[number], midog)
        image = image._replace(masked=masked[number])
        if midog and image.domain == UNLABELLED:
            continue
        if image.stem in images:
            raise ScoringError(f"two images have the stem {image.stem!r}, by which they are found")
        images[image.stem] = image
    if not images:
        raise ScoringError("no labelled image in it")
    return images


def _entries_by_id(content: dict[str, Any]) -> dict[Any, dict[str, Any]]:
    entries: dict[Any, dict[str, Any]] = {}
    for entry in _list(content, "images"):
        number = _get(entry, "id", "an image", _identity)
        if number in entries:
            raise ScoringError(f"two images have the id {number}")
        entries[number] = entry
    return entries


def _centres_by_id(
    content: dict[str, Any], entries: dict[Any, dict[str, Any]]
) -> tuple[dict[Any, np.ndarray], dict[Any, np.ndarray], dict[Any, np.ndarray]]:
    """(n, 2) centres of the mitotic figures, of look-alikes, and of what is masked, by image."""
    figures: dict[Any, list[tuple[float, float]]] = {number: [] for number in entries}
    others: dict[Any, list[tuple[float, float]]] = {number: [] for number in entries}
    masked: dict[Any, list[tuple[float, float]]] = {number: [] for number in entries}
    by_kind = {MITOTIC_FIGURE: figures, MASKED: masked}
    for annotation in _list(content, "annotations"):
        number = _get(annotation, "image_id", "an annotation", _identity)
        if number not in entries:
            raise ScoringError(f"an annotation is for image {number}, which is not in 'images'")
        where = f"an annotation of image {number}"
        kind = _get(annotation, "category_id", where, int)
        centre = _get(annotation, "bbox", where, _centre)
        by_kind.get(kind, others)[number].append(centre)
    first, second, third = (
        {number: _points(centres) for number, centres in kind.items()}
        for kind in (figures, others, masked)
    )
    return first, second, third


def _image(
    entry: dict[str, Any], number: Any, figures: np.ndarray, others: np.ndarray, midog: bool
) -> AnnotatedImage:
    where = f"image {number}"
    file_name = _get(entry, "file_name", where, str)
    size = _get(entry, "width", where, _pixels), _get(entry, "height", where, _pixels)
    slide, domain, mpp = None, UNKNOWN_DOMAIN, None
    if midog:
        slide = Path(file_name).stem
        domain, pixel = next((name, mpp) for last, name, mpp in MIDOG_2021 if number <= last)
        mpp = (pixel, pixel)
    if entry.get("slide") is not None:
        slide = str(entry["slide"])
    tissue = slide if entry.get("tissue") is None else str(entry["tissue"])
    if entry.get("domain") is not None:
        domain = str(entry["domain"])
    if entry.get("mpp") is not None:
        mpp = _get(entry, "mpp", where, pixel_size)
    return AnnotatedImage(file_name, figures, others, size, mpp, slide, domain, tissue=tissue)


def _is_midog_2021(entries: dict[Any, dict[str, Any]]) -> bool:
    last = MIDOG_2021[-1][0]
    return bool(entries) and all(
        isinstance(number, int)
        and 1 <= number <= last
        and re.fullmatch(rf"{number:03d}\.tiff?", str(entry.get("file_name")))
        for number, entry in entries.items()
    )


def pixel_size(value: Any) -> tuple[float, float]:
    """µm per pixel (x, y) out of one number or of two. Raises ValueError or TypeError."""
    x, y = value if isinstance(value, (list, tuple)) else (value, value)
    x, y = float(x), float(y)
    if not (0 < x < np.inf and 0 < y < np.inf):
        raise ValueError("not a length")
    return x, y


def _centre(bbox: Any) -> tuple[float, float]:
    x1, y1, x2, y2 = (float(value) for value in bbox)
    if not (np.isfinite([x1, y1, x2, y2]).all() and x1 <= x2 and y1 <= y2):
        raise ValueError("not two corners")
    return (x1 + x2) / 2, (y1 + y2) / 2


def _pixels(value: Any) -> int:
    if int(value) != value or value <= 0:
        raise ValueError("not a number of pixels")
    return int(value)


def _identity(value: Any) -> Any:
    if not isinstance(value, (int, str)):
        raise TypeError("not a number or a name")
    return value


def _points(points: list[tuple[float, float]]) -> np.ndarray:
    return np.array(points, dtype=np.float64).reshape(-1, 2)


def _list(content: dict[str, Any], key: str) -> list[dict[str, Any]]:
    values = content.get(key)
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise ScoringError(f"'{key}' should be a list of objects (MIDOG form)")
    return values


def _get(entry: dict[str, Any], key: str, where: str, convert: Callable[[Any], Any]) -> Any:
    if key not in entry:
        raise ScoringError(f"{where} has no '{key}'")
    try:
        return convert(entry[key])
    except (TypeError, ValueError) as error:
        raise ScoringError(f"{where}: bad '{key}' {entry[key]!r}") from error
