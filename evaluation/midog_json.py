"""The annotation files of MIDOG 2021, MIDOG 2022, MIDOG++ and MIDOG 2025, and files like them.

    {"images": [{"id": 1, "file_name": "A03_02.tif", "width": 2084, "height": 2084,
                 "slide": "A03", "domain": "aperio_xt_paris", "mpp": 0.2456}, ...],
     "categories": [{"id": 1, "name": "mitotic figure"}, {"id": 2, "name": "not mitotic figure"}],
     "annotations": [{"image_id": 1, "bbox": [x1, y1, x2, y2], "category_id": 1}, ...]}

Scoring and training read annotations here and nowhere else. `slide`, `domain`, `mpp` (µm per pixel:
one number, or [x, y]), `tissue` and the size may be absent. Category names decide what is a mitotic
figure (evaluation/category_names.py), and boxes may be COCO's (evaluation/box_format.py). The
challenge's own ground truth, points in mm by file name, is understood as well.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from evaluation import ScoringError
from evaluation.annotated_image import AnnotatedImage
from evaluation.annotation_content import annotated_images
from evaluation.challenge_ground_truth import is_challenge_ground_truth, read_points
from evaluation.midog_schema import MidogJson

EXPECTED = "expected an object with 'images' and 'annotations' (MIDOG's JSON)"


class AnnotationError(ScoringError):
    """An annotation file that cannot be used; `problems` has a line for each reason."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        self.problems = [_printable(f"{path}: {problem}") for problem in problems]
        more = f" ({len(problems) - 1} more problems)" if len(problems) > 1 else ""
        super().__init__(self.problems[0] + more)


def _printable(text: str) -> str:
    """One line that any terminal can show: names come from a file."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class AnnotationFile(NamedTuple):
    """The content of an annotation file.

    images       in the order of the file, those that nobody labelled included
    notes        what was understood although it is not in MIDOG's own format
    description  of the data set, None where the file has none
    licences     their names
    """

    images: list[AnnotatedImage]
    notes: list[str]
    description: str | None
    licences: list[str]


def read_annotations(path: Path) -> AnnotationFile:
    """Read an annotation file.

    Raises:
        AnnotationError: the file cannot be read or understood, with every problem found.
    """
    content = _read_json(path)
    problems: list[str] = []
    if is_challenge_ground_truth(content):
        file = AnnotationFile(read_points(content, problems), [], None, [])
    else:
        parsed = _parse(path, content)
        notes: list[str] = []
        images = annotated_images(parsed, problems, notes)
        licences = [licence.name for licence in parsed.licenses if licence.name]
        file = AnnotationFile(images, notes, parsed.info.description, licences)
    if problems:
        raise AnnotationError(path, problems)
    return file


def _read_json(path: Path) -> Any:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise AnnotationError(path, [f"not readable ({error.strerror or error})"]) from error
    try:
        return json.loads(raw)  # in UTF-8, 16 or 32, with or without a byte order mark
    except (ValueError, RecursionError) as error:
        raise AnnotationError(path, [f"not a readable JSON file ({error}); {EXPECTED}"]) from error


def _parse(path: Path, content: Any) -> MidogJson:
    if not isinstance(content, dict):
        raise AnnotationError(path, [EXPECTED])
    try:
        return MidogJson.model_validate(content)
    except ValidationError as error:
        problems = [_problem(details, content) for details in error.errors(include_url=False)]
        raise AnnotationError(path, list(dict.fromkeys(problems))) from error


def _problem(details: ErrorDetails, content: dict[str, Any]) -> str:
    """One line for what pydantic found: the entry, its key and its value."""
    part, *rest = details["loc"]
    if not rest:
        found = ", ".join(map(repr, list(content)[:5])) or "nothing"
        return f"'{part}' should be a list of objects; {EXPECTED}, found {found}"
    where, keys = _entry_name(str(part), rest[0], content), rest[1:]
    if not keys:
        return f"{where} should be an object"
    key = keys[0]
    if details["type"] == "missing" and len(keys) == 1:
        return f"{where} has no '{key}'"
    place, entries = rest[0], content[str(part)]
    value = entries[place].get(key) if isinstance(place, int) else details["input"]
    return f"{where}: bad '{key}' {value!r:.100} ({_reason(details)})"


def _entry_name(part: str, index: int | str, content: dict[str, Any]) -> str:
    """ "image 7" or "annotation 12 of image 7", by its id or else its place in the list."""
    if not isinstance(index, int):
        return f"'{part}'"
    entry = content[part][index]
    known = entry if isinstance(entry, dict) else {}
    kind = {"images": "image", "annotations": "annotation", "categories": "category"}.get(
        part, part
    )
    name = f"{kind} {known['id']}" if "id" in known else f"{kind} number {index + 1}"
    return f"{name} of image {known['image_id']}" if "image_id" in known else name


def _reason(details: ErrorDetails) -> str:
    message = details["msg"].removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
