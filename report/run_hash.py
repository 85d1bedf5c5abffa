"""Identifies the run that made the detections of an image, so that reviews stay with them."""

from __future__ import annotations

import hashlib
import json

from batch.documents import ProcessedImage

# A new threshold or format of the output leaves the detections what they are.
WITHOUT = {"threshold", "output_format", "time_budget", "diagnostics"}


def run_sha256(result: ProcessedImage) -> str:
    """SHA-256 of the weights, source bank, settings and detections of a result."""
    made_by = {
        "weights": result.weights.sha256,
        "source_bank": result.source_bank.sha256,
        "settings": result.settings.model_dump(mode="json", exclude=WITHOUT),
        "detections": [tuple(found.model_dump().values()) for found in result.detections],
    }
    return hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()
