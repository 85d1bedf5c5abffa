"""Records and results without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from batch.documents import (
    FailedImage,
    Hash,
    ProcessedImage,
    Record,
    Settings,
    SourceFile,
)
from model.adaptation.record import AdaptationRecord
from model.hashes import file_sha256

SETTINGS: dict[str, Any] = {
    "version": "0",
    "adaptation": "none",
    "candidates": "default",
    "threshold": 0.5,
    "mpp": None,
    "output_format": "2025",
    "epochs": 1,
    "learning_rate": 1e-6,
    "batch_size": 16,
    "max_steps": None,
    "reversal_weight": 1.0,
    "seed": 0,
    "device": "cpu",
    "precision": "fp32",
    "time_budget": None,
}


def record(**settings: Any) -> Record:
    """How a run without a bank makes its results."""
    return Record(
        settings=Settings(**(SETTINGS | settings)),
        versions={"torch": "2"},
        weights=Hash(sha256="ab" * 32),
        source_bank=Hash(sha256=None),
    )


def source(place: str, path: Path) -> SourceFile:
    """The file of an image, at this place as seen from its result."""
    return SourceFile(path=place, bytes=path.stat().st_size, sha256=file_sha256(path))


def processed(file: str, **changes: Any) -> ProcessedImage:
    """The result of an image in which nothing was found."""
    fields: dict[str, Any] = {
        "file": file,
        **dict(record()),
        "image": SourceFile(path=file, bytes=1, sha256="0" * 64),
        "size_px": (40, 30),
        "pixel_size_um": (0.25, 0.25),
        "candidates": 0,
        "threshold": 0.5,
        "detections": [],
        "adaptation": AdaptationRecord(name="none"),
        "figures": Hash(sha256="0" * 64),
        "seconds": {"total": 1.0},
    }
    return ProcessedImage(**(fields | changes))


def failed(file: str, error: str = "an empty file (0 bytes)") -> FailedImage:
    """The result of an image that failed."""
    return FailedImage(file=file, error=error, **dict(record()))
