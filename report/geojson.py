"""Detections as GeoJSON (RFC 7946) in the form that QuPath 0.4 and newer import."""

from __future__ import annotations

import gzip
import uuid
from typing import Any, Literal, get_args

from batch.challenge_json import MITOTIC_FIGURE, NON_MITOTIC_FIGURE
from batch.documents import Detection
from batch.layout import COMPRESSED_GEOJSON_FILE, GEOJSON_FILE
from batch.writing import json_bytes
from report.saved import Saved

Objects = Literal["annotation", "detection"]  # of QuPath
OBJECTS: tuple[Objects, ...] = get_args(Objects)
COMPRESSED_FROM = 50_000  # points
COLOURS = {MITOTIC_FIGURE: [0, 200, 80], NON_MITOTIC_FIGURE: [160, 160, 160]}
# Makes an object's id from its place, so that the same result gives the same file.
NAMESPACE = uuid.UUID("3f6b0c86-6f0d-4c8e-9b5e-6f1f6c1d2a77")


def geojson_file(saved: Saved, objects: Objects = "annotation") -> tuple[str, bytes]:
    """Name and content of an image's file; compressed from COMPRESSED_FROM points on."""
    content = json_bytes(feature_collection(saved, objects))
    if len(saved.detections) < COMPRESSED_FROM:
        return GEOJSON_FILE, content
    return COMPRESSED_GEOJSON_FILE, gzip.compress(content, mtime=0)


def feature_collection(saved: Saved, objects: Objects = "annotation") -> dict[str, Any]:
    """A FeatureCollection of points with class and measurements.

    As annotations they can be edited and reviewed in QuPath; as detections they are locked, and
    tens of thousands are shown fast.

    The keys are those that QuPath's importer reads since 0.4: QuPathTypeAdapters.java and
    PathClassTypeAdapter in GsonTools.java of github.com/qupath/qupath, package qupath.lib.io.

    Coordinates are px of the full image, counted as QuPath counts them from the corner of the first
    pixel, whose centre is (0.5, 0.5); `result.json` has (0, 0) there. The RFC's own coordinates
    are degrees; others are by agreement of those who exchange them (section 4).
    """
    return {
        "type": "FeatureCollection",
        "features": [_feature(saved, found, objects) for found in saved.detections],
    }


def _feature(saved: Saved, found: Detection, objects: Objects) -> dict[str, Any]:
    name = saved.name_of(found)
    point = [found.x + 0.5, found.y + 0.5]
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(NAMESPACE, f"{saved.file} {point}")),
        "geometry": {"type": "Point", "coordinates": point},
        "properties": {
            "objectType": objects,
            "name": f"{found.probability:.2f}",
            "classification": {"name": name, "color": COLOURS[name]},
            "measurements": {
                "Probability": found.probability,
                "Probability without adaptation": found.probability_without_adaptation,
            },
        },
    }
