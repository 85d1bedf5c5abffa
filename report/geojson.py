"""Detections as GeoJSON (RFC 7946) in the form that QuPath 0.4 and newer import."""

from __future__ import annotations

import uuid
from typing import Any

from batch.challenge_json import MITOTIC_FIGURE, NON_MITOTIC_FIGURE
from batch.documents import Detection
from report.saved import Saved

COLOURS = {MITOTIC_FIGURE: [0, 200, 80], NON_MITOTIC_FIGURE: [160, 160, 160]}
# Makes an object's id from its place, so that the same result gives the same file.
NAMESPACE = uuid.UUID("3f6b0c86-6f0d-4c8e-9b5e-6f1f6c1d2a77")


def feature_collection(saved: Saved) -> dict[str, Any]:
    """A FeatureCollection of points with class and measurements.

    The keys are those that QuPath's importer reads since 0.4: QuPathTypeAdapters.java and
    PathClassTypeAdapter in GsonTools.java of github.com/qupath/qupath, package qupath.lib.io.

    Coordinates are px of the full image, counted as QuPath counts them from the corner of the first
    pixel, whose centre is (0.5, 0.5); `result.json` has (0, 0) there. The RFC's own coordinates
    are degrees; others are by agreement of those who exchange them (section 4).
    """
    return {
        "type": "FeatureCollection",
        "features": [_feature(saved, found) for found in saved.detections],
    }


def _feature(saved: Saved, found: Detection) -> dict[str, Any]:
    name = saved.name_of(found)
    point = [found.x + 0.5, found.y + 0.5]
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(NAMESPACE, f"{saved.file} {point}")),
        "geometry": {"type": "Point", "coordinates": point},
        "properties": {
            "objectType": "annotation",
            "name": f"{found.probability:.2f}",
            "classification": {"name": name, "color": COLOURS[name]},
            "measurements": {
                "Probability": found.probability,
                "Probability without adaptation": found.probability_without_adaptation,
            },
        },
    }
