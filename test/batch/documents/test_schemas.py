"""The exported schemas and the tables of docs/output.md are current, and say what is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from batch.challenge_json import FORMATS
from batch.documents import FolderResults, ImageResult, entry
from batch.documents.__main__ import main
from batch.documents.schemas import schemas, with_tables
from batch.options import ROOT
from test.batch.builders import failed, processed

RESULTS: list[ImageResult] = [processed("a.tif"), failed("b.tif")]
OLD_SCHEMAS = ROOT / "test" / "schemas"


def test_the_exported_schemas_are_current(tmp_path: Path) -> None:
    """`python -m batch.documents docs/schema` after a change."""
    assert main([str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == set(schemas())
    for path in tmp_path.iterdir():
        assert (ROOT / "docs" / "schema" / path.name).read_bytes() == path.read_bytes()


def test_the_tables_are_current() -> None:
    """`python -m batch.documents --tables docs/output.md` after a change."""
    text = (ROOT / "docs" / "output.md").read_text()
    assert with_tables(text) == text


def test_a_table_can_leave_out_the_fields_of_another() -> None:
    text = "<!-- fields of HotspotCount{} -->\n<!-- end -->"
    assert "| `figures` |" in with_tables(text.format(""))
    table = with_tables(text.format(" beyond AreaCount"))
    assert "| `box_px` |" in table and "| `figures` |" not in table


def test_every_field_of_result_json_is_in_a_table_and_described() -> None:
    text = (ROOT / "docs" / "output.md").read_text()
    for name in ("result.schema.json", "results.schema.json"):
        kinds = schemas()[name].get("$defs", {})
        for kind in kinds.values():
            for field, schema in kind["properties"].items():
                assert f"| `{field}` |" in text
                assert schema.get("description"), f"{field} has no description"


@pytest.mark.parametrize("name", sorted(schemas()))
def test_schemas_are_valid(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schemas()[name])


def test_documents_follow_their_schemas() -> None:
    for result in RESULTS:
        jsonschema.validate(result.content(), schemas()["result.schema.json"])
    summary = FolderResults(images=[entry(result, result.file) for result in RESULTS])
    jsonschema.validate(summary.content(), schemas()["results.schema.json"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(
            RESULTS[0].content() | {"candidates": -1}, schemas()["result.schema.json"]
        )


@pytest.mark.parametrize("year", FORMATS)
def test_the_challenge_s_schemas_agree_with_the_platform_s(year: str) -> None:
    """On what each of them accepts and rejects, by examples."""
    ours = schemas()[f"mitotic-figures-{year}.schema.json"]
    platform: dict[str, Any] = json.loads((OLD_SCHEMAS / f"{year}.json").read_text())
    point: dict[str, Any] = {"point": [0.1, 0.2, 0.0]}
    if year != "2021":
        point |= {"name": "mitotic figure", "probability": 0.5}
    good: dict[str, Any] = {
        "type": "Multiple points", "points": [point], "version": {"major": 1, "minor": 0}
    }  # fmt: skip
    if year == "2025":
        good["name"] = "Points of interest"
    bad = [good | {"more": 1}, good | {"points": [{"point": [0.1, 0.2]}]}, good | {"type": "x"}, {}]
    for schema in (ours, platform):
        validator = jsonschema.Draft202012Validator(schema)
        assert validator.is_valid(good) and validator.is_valid(good | {"points": []})
        assert not any(validator.is_valid(content) for content in bad)


def test_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == main(["--help"]) == 2
    assert "usage: " in capsys.readouterr().out
