"""GeoJSON against its RFC, and in the form that QuPath reads."""

from __future__ import annotations

import json

from geojson_pydantic import FeatureCollection

from report.geojson import feature_collection
from test.report.builders import saved


def test_is_a_feature_collection_of_the_rfc() -> None:
    content = json.dumps(feature_collection(saved()))
    read = FeatureCollection.model_validate_json(content)  # type: ignore[var-annotated]
    assert [f.geometry.type for f in read.features if f.geometry] == ["Point"] * 6
    assert len({f.id for f in read.features}) == 6


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


def test_same_result_same_file() -> None:
    assert feature_collection(saved()) == feature_collection(saved())
