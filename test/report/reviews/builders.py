"""Reviews as the page saves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from batch.documents.review import ReviewedImage
from batch.writing import write_json
from report.run_hash import run_sha256
from report.saved import Saved

VERDICTS = {"y": "mitotic figure", "n": "non-mitotic figure", "u": "unsure"}


def image_of(
    saved: Saved, verdicts: str, missed: tuple[tuple[float, float], ...] = (), **changes: Any
) -> dict[str, Any]:
    """The review of one image. verdicts: y, n, u or - for each detection in order."""
    judged = [
        {"x": d.x, "y": d.y, "probability": d.probability, "verdict": VERDICTS[key], "comment": ""}
        for key, d in zip(verdicts, saved.detections, strict=False)
        if key != "-"
    ]
    return {
        "file": saved.file,
        "sha256": saved.processed.image.sha256,
        "run": run_sha256(saved.processed),
        "size_px": list(saved.size_px),
        "pixel_size_um": list(saved.mpp),
        "cells": len(saved.detections),
        "verdicts": judged,
        "missed": [{"x": x, "y": y, "comment": ""} for x, y in missed],
        "comment": "",
    } | changes


def reviewed(
    saved: Saved, verdicts: str, missed: tuple[tuple[float, float], ...] = ()
) -> ReviewedImage:
    return ReviewedImage.model_validate(image_of(saved, verdicts, missed))


def write_review(path: Path, reviewer: str, *images: dict[str, Any]) -> Path:
    content = {"schema_version": 2, "kind": "mitosis review", "reviewer": reviewer}
    write_json(path, content | {"images": list(images)})
    return path
