"""Documents of version 0.1.0 stay readable, and what cannot be read is one clear error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from batch.documents import (
    SCHEMA_VERSION,
    DocumentError,
    FailedImage,
    ProcessedImage,
    read_result,
    read_summary,
)
from batch.writing import write_json
from report.saved import load_output
from test.batch.builders import processed

OLD = Path(__file__).parents[1] / "results-0.1.0"


def test_a_result_of_0_1_0() -> None:
    result = read_result(OLD / "rendered" / "result.json")
    content = json.loads((OLD / "rendered" / "result.json").read_text())
    assert isinstance(result, ProcessedImage) and "schema_version" not in content
    assert result.schema_version == SCHEMA_VERSION
    assert result.adaptation.name == content["adaptation"]["arm"] == "paper-calibrated"
    assert result.settings.version == "0.1.0"
    assert len(result.detections) == len(content["detections"])
    assert [check.name for check in result.adaptation.guard] == [
        check["name"] for check in content["adaptation"]["guard"]
    ]


def test_a_failed_image_of_0_1_0() -> None:
    result = read_result(OLD / "truncated" / "result.json")
    assert isinstance(result, FailedImage) and result.error.startswith("truncated, ")


def test_a_folder_of_0_1_0() -> None:
    summary = read_summary(OLD / "results.json")
    assert [(i.file, i.folder, i.status) for i in summary.images] == [
        ("rendered.tiff", "rendered", "ok"), ("truncated.tiff", "truncated", "failed"),
    ]  # fmt: skip
    assert summary.images[0].mitotic_figures == 1
    assert [saved.figures for saved in load_output(OLD)] == [1, 0]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    result = processed("no utf-8 \udcff.tif", warnings=["µ"])
    write_json(tmp_path / "result.json", result.content())
    assert json.loads((tmp_path / "result.json").read_text())["schema_version"] == SCHEMA_VERSION
    assert read_result(tmp_path / "result.json") == result


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"schema_version": 99}, "schema version 99 is newer than 2"),
        ({"status": "maybe"}, "does not match any of the expected tags"),
        ({"size_px": [1]}, "ok.size_px.1: Field required"),
        ({"threshold": "0.5"}, "ok.threshold: Input should be a valid number"),
        ({"threshold": float("nan")}, "ok.threshold: Input should be"),
        ({"threshold": 2}, "ok.threshold: Input should be less than or equal to 1"),
        ({"file": 1}, "ok.file: Value error, should be text"),
        ({"detections": [{"x": 1}]}, "ok.detections.0.y: Field required"),
    ],
)
def test_what_is_not_a_result(tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps(processed("a.tif").content() | change))
    with pytest.raises(DocumentError) as error:
        read_result(path)
    assert str(error.value).startswith(f"{path}: ") and problem in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "[" * 100_000])
def test_what_is_not_a_document(tmp_path: Path, content: str) -> None:
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(DocumentError, match=r"results\.json: (not valid JSON|a JSON object)"):
        read_summary(tmp_path / "results.json")
