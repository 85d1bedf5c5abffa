"""Images made by hand or at random for the scoring tests."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from batch.documents import Detection
from batch.layout import RESULT_FILE
from evaluation.scored_image import ScoredImage
from test.batch.builders import failed, processed


def crowded(seed: int, levels: int = 1000) -> ScoredImage:
    """Up to 9 detections and 7 figures in 100x100 px, where the radius is 30 px: many conflicts.

    Few levels give many equal probabilities.
    """
    random = np.random.default_rng(seed)
    detections, figures = random.integers(0, 10), random.integers(0, 8)
    return ScoredImage(
        name=f"image{seed}",
        points=random.uniform(0, 100, (detections, 2)),
        probabilities=random.integers(0, levels + 1, detections) / levels,
        figures=random.uniform(0, 100, (figures, 2)),
        mpp=(0.25, 0.25),
        size=(100, 100),
        threshold=0.4,
    )


def row(
    points: Sequence[float] | np.ndarray,
    probabilities: Sequence[float] | np.ndarray,
    figures: Sequence[float] | np.ndarray,
    **changes: Any,
) -> ScoredImage:
    """Points on one row, at these x in px of 0.25 µm (so the radius is 30 px)."""
    image = ScoredImage(
        name="row",
        points=np.array([(x, 0.0) for x in points]).reshape(-1, 2),
        probabilities=np.array(probabilities, dtype=float),
        figures=np.array([(x, 0.0) for x in figures]).reshape(-1, 2),
        mpp=(0.25, 0.25),
        size=(4000, 4000),  # 1 mm²
    )
    return image._replace(**changes)


def write_result(folder: Path, file: str, points: Sequence[tuple[float, float, float]]) -> Path:
    """A result.json as process.py writes it; points are x, y, probability."""
    detections = [
        Detection(x=x, y=y, probability=p, probability_without_adaptation=p) for x, y, p in points
    ]
    result = processed(file, size_px=(4000, 4000), candidates=len(points), detections=detections)
    return write_json(folder / RESULT_FILE, result.content())


def write_failure(folder: Path, file: str, error: str) -> Path:
    """A result.json of an image that failed."""
    return write_json(folder / RESULT_FILE, failed(file, error).content())


def write_json(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path
