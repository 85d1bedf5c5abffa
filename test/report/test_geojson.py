"""GeoJSON against its RFC, and in the form that QuPath reads."""

from __future__ import annotations

import json
import uuid
from typing import Any

from geojson_pydantic import FeatureCollection

from report.geojson import feature_collection
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
