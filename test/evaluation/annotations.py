"""Annotation files made by hand for the tests of their parser."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CENTRES = ((100, 120), (400, 300), (333, 77))  # of two mitotic figures and a look-alike
CATEGORIES = ({"id": 1, "name": "mitotic figure"}, {"id": 2, "name": "not mitotic figure"})


def image(**changes: Any) -> dict[str, Any]:
    return {"id": 1, "file_name": "A03_02.tif", "width": 640, "height": 480, **changes}


def annotation(**changes: Any) -> dict[str, Any]:
    return {"image_id": 1, "bbox": [10, 20, 60, 71], "category_id": 1, **changes}


def corners(x: float, y: float) -> list[float]:
    """MIDOG's box round a centre."""
    return [x - 25, y - 25, x + 25, y + 25]


def document(
    annotations: Sequence[Any] | None = None,
    images: Sequence[Any] | None = None,
    without: str = "",
    **parts: Any,
) -> dict[str, Any]:
    """A file of one image with two mitotic figures and a look-alike, with some parts replaced.

    without: a part to leave out.
    """
    if annotations is None:
        annotations = [
            annotation(id=number, bbox=corners(*centre), category_id=category)
            for number, (centre, category) in enumerate(zip(CENTRES, (1, 1, 2), strict=True), 1)
        ]
    content = {
        "images": [image()] if images is None else list(images),
        "categories": [dict(category) for category in CATEGORIES],
        "annotations": list(annotations),
    }
    return {key: value for key, value in (content | parts).items() if key != without}


def write(path: Path, content: Any, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding=encoding)
    return path
