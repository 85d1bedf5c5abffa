"""What the documents have in common: strict types, a version, and one line for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, TypeAdapter, ValidationError

SCHEMA_VERSION = 2  # of the documents that this program writes; 1 are those of version 0.1.0


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("should be text")
    return value


# Text that may hold a file's name. A name that is not valid UTF-8 has lone surrogates, which
# pydantic's own type refuses.
Text = Annotated[str, PlainValidator(_text, json_schema_input_type=str)]


class Part(BaseModel):
    """A part of a document. Unknown fields, which a newer version may write, are ignored."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", allow_inf_nan=False)


class Document(Part):
    """A document that this program writes."""

    schema_version: int = Field(SCHEMA_VERSION, ge=1, description="version of this format")

    def content(self) -> dict[str, Any]:
        """The document as plain values, ready for JSON."""
        return self.model_dump(mode="json")


D = TypeVar("D")


class DocumentError(ValueError):
    """A file that is not the document it should be. Its text: path and reason in one line."""


def read_document(path: Path, kind: TypeAdapter[D]) -> D:
    """Read a document of this version or of an older one.

    Raises:
        OSError: the file cannot be read.
        DocumentError: its content is not such a document, or a newer program has written it.
    """
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(content, dict):
        raise DocumentError(f"{path}: a JSON object is needed")
    version = content.get("schema_version", 1)
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise DocumentError(
            f"{path}: schema version {version} is newer than {SCHEMA_VERSION}, the newest that "
            "this program reads: update the program"
        )
    try:
        return kind.validate_python(content | {"schema_version": SCHEMA_VERSION})
    except (ValidationError, RecursionError) as error:
        raise DocumentError(f"{path}: {_first_problem(error)}") from error


def _first_problem(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return "nested too deeply"
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"])
