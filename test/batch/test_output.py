"""Output: the forms of the three years, and files that are whole or not there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from batch.output import FORMATS, Format, mitotic_figures, write_json

SCHEMAS = Path(__file__).parents[1] / "schemas"
POINTS = np.array([[0.5, 0.25], [1.75, 2.0], [0.0, 3.0]])
PROBABILITIES = np.array([0.9, 0.5, 0.1])


def validate(content: dict[str, Any], output_format: Format) -> None:
    schema = json.loads((SCHEMAS / f"{output_format}.json").read_text())
    jsonschema.validate(json.loads(json.dumps(content)), schema)


# ------------------------------------------------------------------------------------------ content


@pytest.mark.parametrize("output_format", FORMATS)
def test_form_of_the_year(output_format: Format) -> None:
    validate(mitotic_figures(POINTS, PROBABILITIES, 0.5, output_format), output_format)


@pytest.mark.parametrize("output_format", FORMATS)
def test_no_point_is_a_valid_answer(output_format: Format) -> None:
    content = mitotic_figures(np.zeros((0, 2)), np.zeros(0), 0.5, output_format)
    assert content["points"] == []
    validate(content, output_format)


def test_years_are_told_apart() -> None:
    """The schemas would not accept one year's form for another's."""
    for made in FORMATS:
        for read in set(FORMATS) - {made}:
            with pytest.raises(jsonschema.ValidationError):
                validate(mitotic_figures(POINTS, PROBABILITIES, 0.5, made), read)


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


# -------------------------------------------------------------------------------------------- files


def test_write_makes_folders_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.json"
    for content in ({"µ": [1, 2.5, None]}, {}):
        write_json(path, content)
        assert json.loads(path.read_text()) == content
    assert [p.name for p in path.parent.iterdir()] == ["file.json"]


@pytest.mark.parametrize("failing", ["replace", "fsync", "fdopen", "chmod"])
@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()])
def test_failure_leaves_the_former_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, error: BaseException
) -> None:
    path = tmp_path / "file.json"
    write_json(path, {"former": True})

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(type(error)):
        write_json(path, {"former": False})
    monkeypatch.undo()
    assert json.loads(path.read_text()) == {"former": True}
    assert list(tmp_path.iterdir()) == [path], "nothing half written is left"


@pytest.mark.parametrize("content", [{"x": float("nan")}, [float("inf")], {"x": object()}])
def test_what_is_no_json_is_refused_before_anything_is_written(
    tmp_path: Path, content: object
) -> None:
    with pytest.raises((ValueError, TypeError), match=r"not JSON|not finite"):
        write_json(tmp_path / "new" / "file.json", content)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_rights_follow_the_user_s_mask(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        write_json(tmp_path / "file.json", {})
        assert (tmp_path / "file.json").stat().st_mode & 0o777 == mode
        assert os.umask(mask) == mask, "the mask is put back"
    finally:
        os.umask(before)


def test_longest_file_name(tmp_path: Path) -> None:
    write_json(tmp_path / ("x" * 250 + ".json"), {})
