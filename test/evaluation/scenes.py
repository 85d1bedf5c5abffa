"""Images made by hand or at random for the scoring tests."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.scored_image import ScoredImage


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
    result = {
        "file": file,
        "status": "ok",
        "error": None,
        "size_px": [4000, 4000],
        "pixel_size_um": [0.25, 0.25],
        "threshold": 0.5,
        "detections": [{"x": x, "y": y, "probability": p} for x, y, p in points],
    }
    return write_json(folder / "result.json", result)


def write_json(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path
