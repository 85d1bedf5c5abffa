"""The exported JSON Schema is that of the model, and the files that the parser reads satisfy it."""

import json
import os
from pathlib import Path

import jsonschema
import pytest

from evaluation.midog_schema import Annotation, ImageEntry, MidogJson
from test.evaluation.annotations import annotation, document, image

EXPORTED = Path(__file__).parents[2] / "docs" / "schema" / "midog-annotations.schema.json"


def test_the_exported_schema_is_current() -> None:
    assert json.loads(EXPORTED.read_text()) == MidogJson.model_json_schema()


def test_documents_satisfy_the_schema() -> None:
    schema = json.loads(EXPORTED.read_text())
    for content in (
        document(),
        document(without="categories"),
        document([annotation(category_id="1")], [image(id="1", mpp=[0.25, 0.5]), image(id=2)]),
    ):
        jsonschema.validate(content, schema)
        MidogJson.model_validate(content)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document([annotation(bbox=[1, 2, 3])]), schema)


@pytest.mark.skipif("MITOSIS_DATA" not in os.environ, reason="needs MITOSIS_DATA")
def test_the_challenge_file_satisfies_the_schema() -> None:
    content = json.loads((Path(os.environ["MITOSIS_DATA"]) / "MIDOG.json").read_text())
    jsonschema.validate(content, json.loads(EXPORTED.read_text()))


def test_ids_are_the_same_as_numbers_and_as_text() -> None:
    keys = {ImageEntry(id=key, file_name="a.tif").id for key in (7, 7.0, "7", " 7 ", "007")}
    assert keys == {"7"}
    assert ImageEntry(id="case-7", file_name="a.tif").id == "case-7"
    for key in (True, None, 1.5, "", [1]):
        with pytest.raises(ValueError, match="id"):
            ImageEntry.model_validate({"id": key, "file_name": "a.tif"})


def test_an_empty_box_is_none() -> None:
    assert Annotation.model_validate(annotation(bbox=[])).bbox is None
