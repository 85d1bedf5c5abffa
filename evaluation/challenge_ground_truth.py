"""The ground truth of the challenge's own evaluation: positions in mm by file name.

    {"007.tiff": [[0.37, 0.76, 0.0], ...], ...}                                2021 and 2022
    {"007.tiff": {"annotations": [[0.37, 0.76, 0.0], ...],                     2025
                  "tumor domain": 0, "roi type": "hotspot"}, ...}

github.com/DeepMicroscopy/MIDOG_evaluation_docker and MIDOG25_T1_evaluation_docker. The files name
neither pixel sizes nor look-alikes.
"""

from typing import Annotated, Any

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from evaluation.annotated_image import UNKNOWN_SIZE, AnnotatedImage
from evaluation.scored_image import UNKNOWN_DOMAIN

MOST_MILLIMETRES = 300.0  # a slide is 75 mm long: larger numbers are pixels

Millimetres = Annotated[float, Field(ge=-MOST_MILLIMETRES, le=MOST_MILLIMETRES)]
POINTS = TypeAdapter(list[Annotated[list[Millimetres], Field(min_length=2, max_length=3)]])


def is_challenge_ground_truth(content: Any) -> bool:
    """Whether parsed JSON has this form."""
    return (
        isinstance(content, dict)
        and bool(content)
        and not {"images", "annotations", "categories", "points", "detections"} & content.keys()
        and all(isinstance(_points(value), list) for value in content.values())
    )


def read_points(content: dict[str, Any], problems: list[str]) -> list[AnnotatedImage]:
    """The images of a file of this form; a line is appended to problems for each that is wrong."""
    images = []
    for name, value in content.items():
        try:
            figures = _figures(_points(value))
        except ValidationError:
            problems.append(f"image {name}: expected positions [x, y, z] in mm")
            continue
        domain = value.get("tumor domain") if isinstance(value, dict) else None
        images.append(
            AnnotatedImage(
                file_name=name,
                figures=figures,
                hard_negatives=np.zeros((0, 2)),
                size=UNKNOWN_SIZE,
                mpp=None,
                slide=None,
                domain=UNKNOWN_DOMAIN if domain is None else f"tumor domain {domain}",
                millimetres=True,
            )
        )
    return images


def _points(value: Any) -> Any:
    return value.get("annotations") if isinstance(value, dict) else value


def _figures(points: Any) -> np.ndarray:
    """(n, 2) float64 mm. Raises ValidationError for anything else."""
    positions = POINTS.validate_python(points)
    return np.array([position[:2] for position in positions], float).reshape(-1, 2)
