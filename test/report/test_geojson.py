"""GeoJSON against its RFC, and in the form that QuPath reads."""

from __future__ import annotations

import gzip
import json
import uuid
from typing import Any

import numpy as np
import pytest
from geojson_pydantic import FeatureCollection
from rasterio.features import rasterize

from report import geojson
from report.geojson import feature_collection, geojson_file
from test.report.builders import saved


def test_is_a_feature_collection_of_the_rfc() -> None:
    content = json.dumps(feature_collection(saved()))
    features: list[Any] = FeatureCollection.model_validate_json(content).features
    assert [f.geometry.type for f in features if f.geometry] == ["Point"] * 6
    assert len({f.id for f in features}) == 6


def test_points_classes_and_measurements() -> None:
    first, *_, last = feature_collection(saved())["features"]
    assert first["geometry"]["coordinates"] == [20.5, 10.5], "QuPath counts from pixels' corners"
    properties = first["properties"]
    assert properties["objectType"] == "annotation"
    assert properties["classification"]["name"] == "mitotic figure"
    assert last["properties"]["classification"]["name"] == "non-mitotic figure"
    assert properties["measurements"] == {
        "Probability": 0.99,
        "Probability without adaptation": 0.495,
    }


def test_qupath_reads_every_key() -> None:
    """As qupath.lib.io.QuPathTypeAdapters and GsonTools.PathClassTypeAdapter of QuPath 0.4 and 0.5
    read them: an id is a UUID, a class has name and color, measurements map names to numbers."""
    for feature in json.loads(json.dumps(feature_collection(saved())))["features"]:
        assert set(feature) == {"type", "id", "geometry", "properties"}
        assert str(uuid.UUID(feature["id"])) == feature["id"]
        properties = feature["properties"]
        assert set(properties) == {"objectType", "name", "classification", "measurements"}
        assert set(properties["classification"]) == {"name", "color"}
        assert ":" not in properties["classification"]["name"], "it parts a class from its parent"
        color = properties["classification"]["color"]
        assert len(color) == 3 and all(isinstance(c, int) and 0 <= c <= 255 for c in color)
        assert all(isinstance(value, float) for value in properties["measurements"].values())


def test_same_result_same_file() -> None:
    assert feature_collection(saved()) == feature_collection(saved())


def test_detections_by_choice() -> None:
    features = feature_collection(saved(), "detection")["features"]
    assert {f["properties"]["objectType"] for f in features} == {"detection"}
    ids = [f["id"] for f in feature_collection(saved())["features"]]
    assert [f["id"] for f in features] == ids


def test_many_points_are_compressed(monkeypatch: pytest.MonkeyPatch) -> None:
    name, content = geojson_file(saved())
    assert name == "detections.geojson"
    monkeypatch.setattr(geojson, "COMPRESSED_FROM", 6)
    compressed_name, compressed = geojson_file(saved())
    assert compressed_name == "detections.geojson.gz"
    assert gzip.decompress(compressed) == content
    assert geojson_file(saved())[1] == compressed, "no time is stored in it"


def test_points_lie_on_their_pixels_for_an_independent_reader() -> None:
    """GDAL's rule, by which a point belongs to the pixel that its whole part names."""
    detection = {"probability": 0.9, "probability_without_adaptation": 0.9}
    places = [(0, 0), (17, 4), (239, 179)]
    found = saved(detections=[detection | {"x": float(x), "y": float(y)} for x, y in places])
    shapes = [feature["geometry"] for feature in feature_collection(found)["features"]]
    drawn = rasterize(shapes, out_shape=(180, 240))
    assert [(x, y) for y, x in np.argwhere(drawn)] == places
