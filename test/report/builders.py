"""Output folders as process.py writes them, without a network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from batch.documents import FolderResults, ImageResult, entry
from batch.documents.result import IMAGE_RESULT
from batch.layout import RESULT_FILE, SUMMARY_FILE
from batch.writing import write_json
from model.hashes import file_sha256
from report.saved import Saved, load_output
from test.batch.builders import SETTINGS
from test.rendering import render_tissue
from training.tiff import write_tiff

SIZE = (180, 240)  # px, height and width
CURVE = {"steps_a_point": 2, "mitosis_loss": [0.4, None, 0.2, 0.1], "scanner_loss": [1.9, 1.8]}
ACCOUNT = {
    "name": "gradient-reversal", "fallback": None, "planned_steps": 8, "steps": 8, "drift": 0.0012,
    "share_changed": 0.25, "log_odds_shift": -0.4321, "curve": CURVE,
}  # fmt: skip
WHOLE = {
    "tissue_mm2": 0.0025,
    "figures": {"value": 3, "low": 1, "high": 5},
    "per_mm2": {"value": 1200.0, "low": 400.0, "high": 2000.0},
    "per_10_hpf": {"value": 2844.0, "low": 948.0, "high": 4740.0},
}
COUNTS = {
    "hpf_area_mm2": 0.237,
    "thresholds": [0.444444, 0.952381],
    "whole": WHOLE,
    "hotspot": WHOLE | {"area_mm2": 0.0027, "box_px": [0.0, 0.0, 240.0, 180.0]},
}
PROBABILITIES = (0.99, 0.9, 0.85, 0.7, 0.3, 0.02)


def result_of(file: str, **changes: Any) -> dict[str, Any]:
    """The content of a result.json: three of six detections reach the threshold of 0.8."""
    places = np.linspace(20, 160, len(PROBABILITIES))
    return {
        "file": file,
        "status": "ok",
        "error": None,
        "warnings": [],
        "settings": SETTINGS,
        "versions": {"python": "3.12.3"},
        "weights": {"sha256": "ab" * 32},
        "source_bank": {"sha256": None},
        "size_px": [SIZE[1], SIZE[0]],
        "image": {"path": file, "bytes": 1, "sha256": "0" * 64},
        "figures": {"sha256": None},
        "pixel_size_um": [0.25, 0.25],
        "origin_mm": [0.0, 0.0],
        "candidates": 40,
        "threshold": 0.8,
        "detections": [
            {
                "x": float(at), "y": float(at / 2), "probability": p,
                "probability_without_adaptation": p / 2,
            }
            for at, p in zip(places, PROBABILITIES, strict=True)
        ],
        "adaptation": ACCOUNT,
        "seconds": {"read": 0.1, "adaptation": 2.5, "total": 3.0},
    } | changes  # fmt: skip


def failed(file: str) -> dict[str, Any]:
    """The content of the result.json of an image that could not be read."""
    kept = ("file", "settings", "versions", "weights", "source_bank", "warnings")
    result = result_of(file)
    reason = "an empty file (0 bytes): copy or export it again"
    return {key: result[key] for key in kept} | {"status": "failed", "error": reason}


def write_output(folder: Path, results: list[dict[str, Any]]) -> list[Saved]:
    """in/ with a rendered image for each result that is ok, out/ with the results."""
    pixels, _ = render_tissue(SIZE, figures=1, seed=1)
    (folder / "in").mkdir(exist_ok=True)
    for number, result in enumerate(results):
        place, image = folder / "out" / str(number), folder / "in" / result["file"]
        if result["status"] == "ok":
            write_tiff(image, pixels, 0.25)
            path = os.path.relpath(image, place)
            size = image.stat().st_size
            result["image"] = {"path": path, "bytes": size, "sha256": file_sha256(image)}
        write_json(place / RESULT_FILE, result)
    images = [entry(parsed(result), str(number)) for number, result in enumerate(results)]
    write_json(folder / "out" / SUMMARY_FILE, FolderResults(images=images).content())
    return load_output(folder / "out")


def parsed(content: dict[str, Any]) -> ImageResult:
    """The document of this content."""
    return IMAGE_RESULT.validate_python(content)


def saved(**changes: Any) -> Saved:
    """A result that is in no folder."""
    return Saved(Path("nowhere"), parsed(result_of(**({"file": "field.tif"} | changes))))
