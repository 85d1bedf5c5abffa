"""mitotic-figures.json in the format of each year."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pydantic
import pytest

from batch.challenge_json import FIGURES, FORMATS, Format, mitotic_figures

SCHEMAS = Path(__file__).parents[1] / "schemas"
POINTS = np.array([[0.5, 0.25], [1.75, 2.0], [0.0, 3.0]])
PROBABILITIES = np.array([0.9, 0.5, 0.1])


def validate(content: dict[str, Any], output_format: Format) -> None:
    schema = json.loads((SCHEMAS / f"{output_format}.json").read_text())
    jsonschema.validate(json.loads(json.dumps(content)), schema)
    FIGURES[output_format].model_validate(content)


@pytest.mark.parametrize("output_format", FORMATS)
def test_form_of_the_year(output_format: Format) -> None:
    validate(mitotic_figures(POINTS, PROBABILITIES, 0.5, output_format), output_format)


@pytest.mark.parametrize("output_format", FORMATS)
def test_no_point_is_a_valid_answer(output_format: Format) -> None:
    content = mitotic_figures(np.zeros((0, 2)), np.zeros(0), 0.5, output_format)
    assert content["points"] == []
    validate(content, output_format)


def test_one_year_s_file_is_not_another_s() -> None:
    """The schemas would not accept one year's form for another's."""
    for made in FORMATS:
        for read in set(FORMATS) - {made}:
            content = mitotic_figures(POINTS, PROBABILITIES, 0.5, made)
            with pytest.raises(jsonschema.ValidationError):
                validate(content, read)
            with pytest.raises(pydantic.ValidationError):
                FIGURES[read].model_validate(content)


def test_2025_in_full() -> None:
    assert mitotic_figures(POINTS[:2], PROBABILITIES[:2], 0.9) == {
        "name": "Points of interest",
        "type": "Multiple points",
        "points": [
            {"name": "mitotic figure", "point": [0.5, 0.25, 0.0], "probability": 0.9},
            {"name": "non-mitotic figure", "point": [1.75, 2.0, 0.0], "probability": 0.5},
        ],
        "version": {"major": 1, "minor": 0},
    }


def test_2021_lists_positives_only() -> None:
    points = mitotic_figures(POINTS, PROBABILITIES, 0.5, "2021")["points"]
    assert points == [{"point": [0.5, 0.25, 0.0]}, {"point": [1.75, 2.0, 0.0]}]


def test_threshold_itself_is_positive() -> None:
    for threshold, positives in ((0.5, 2), (np.nextafter(0.5, 1), 1), (0.0, 3), (1.0, 0)):
        points = mitotic_figures(POINTS, PROBABILITIES, threshold)["points"]
        assert [p["name"] for p in points].count("mitotic figure") == positives


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    for points, probabilities in (
        (np.array([[0.5, value]]), np.array([0.5])),
        (np.array([[0.5, 0.5]]), np.array([value])),
    ):
        with pytest.raises(ValueError, match="detections hold values that are not finite"):
            mitotic_figures(points, probabilities, 0.5)


def test_a_probability_for_each_point() -> None:
    with pytest.raises(ValueError, match="zip"):
        mitotic_figures(POINTS, PROBABILITIES[:2], 0.5)
