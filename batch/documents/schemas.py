"""JSON Schemas of the documents, and tables of their fields for people."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from pydantic import TypeAdapter

from batch.challenge_json import FIGURES
from batch.documents.folder import FOLDER_RESULTS
from batch.documents.platform import PLATFORM_INPUTS
from batch.documents.result import IMAGE_RESULT
from batch.documents.review import REVIEW
from batch.documents.tiles import TILES
from model.card import Card

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# A table is between two such comments, which name the type whose fields it lists, and possibly a
# type whose fields are left out because its own table lists them.
TABLE = re.compile(r"(<!-- fields of (\w+)(?: beyond (\w+))? -->\n).*?(<!-- end -->)", re.DOTALL)


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema of each document, by the name of its file."""
    adapters: dict[str, TypeAdapter[Any]] = {
        "result.schema.json": IMAGE_RESULT,
        "results.schema.json": FOLDER_RESULTS,
        "review.schema.json": REVIEW,
        "tiles.schema.json": TILES,
        "inputs.schema.json": PLATFORM_INPUTS,
        "card.schema.json": TypeAdapter(Card),
    }
    for year, kind in FIGURES.items():
        adapters[f"mitotic-figures-{year}.schema.json"] = TypeAdapter(kind)
    return {
        name: {"$schema": DIALECT, **adapter.json_schema(mode="serialization")}
        for name, adapter in adapters.items()
    }


def with_tables(markdown: str) -> str:
    """The text with the present fields in each of its tables.

    Raises:
        KeyError: a table is for a type that no document has.
    """
    kinds: dict[str, dict[str, Any]] = {}
    for schema in schemas().values():
        kinds |= schema.get("$defs", {}) | {str(schema.get("title")): schema}

    def table(found: re.Match[str]) -> str:
        known = kinds[found[3]]["properties"] if found[3] else {}
        return found[1] + _table(kinds[found[2]], known) + found[4]

    return TABLE.sub(table, markdown)


def _table(schema: dict[str, Any], known: Collection[str]) -> str:
    rows = [
        f"| `{name}` | {_values(field)} | {field.get('description', '')} |\n"
        for name, field in schema["properties"].items()
        if name not in known
    ]
    return "".join(["| field | values | meaning |\n|---|---|---|\n", *rows])


def _values(field: dict[str, Any]) -> str:
    """What a field may hold: its type, its range if that has two ends, or another table's type."""
    if "$ref" in field:
        return str(field["$ref"]).rsplit("/", 1)[-1]
    if "anyOf" in field:
        return " or ".join(_values(kind) for kind in field["anyOf"])
    if "const" in field or "enum" in field:
        return " or ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if "prefixItems" in field:
        return f"{len(field['prefixItems'])} x {_values(field['prefixItems'][0])}"
    if "items" in field:
        return f"list of {_values(field['items'])}"
    if isinstance(field.get("additionalProperties"), dict):
        return f"object of {_values(field['additionalProperties'])}"
    if "minimum" in field and "maximum" in field:
        return f"{field['minimum']:g} to {field['maximum']:g}"
    return NAMES.get(field.get("type", ""), "any")


NAMES = {"string": "text", "integer": "integer", "number": "number", "null": "null"}
NAMES |= {"boolean": "true or false", "object": "object"}
