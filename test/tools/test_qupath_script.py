"""The script for QuPath: it reads what is written, and calls only what was looked up."""

from __future__ import annotations

import re
from pathlib import Path

from batch.documents import FolderEntry
from batch.layout import COMPRESSED_GEOJSON_FILE, GEOJSON_FILE, SUMMARY_FILE

SCRIPT = (Path(__file__).parents[2] / "tools" / "qupath" / "import_mitoses.groovy").read_text()
CODE = re.sub(r"/\*.*?\*/|//[^\n]*", "", SCRIPT, flags=re.DOTALL)
# Of QuPath 0.4 and later, in its source: QP, Project, ProjectImageEntry, ServerBuilder, ImageData,
# PathObjectHierarchy, PathObject, PathIO.
QUPATH = {
    "getProject", "getProjectEntry", "getCurrentImageData", "getImageList", "getServerBuilder",
    "getURIs", "getOriginalImageName", "readImageData", "saveImageData", "getHierarchy",
    "getAllObjects", "addObjects", "getID", "readObjectsFromGeoJSON",
}  # fmt: skip
GROOVY = {
    "File", "JsonSlurper", "GZIPInputStream", "parse", "each", "collect", "find", "findAll",
    "containsKey", "contains", "keySet", "size", "isFile", "withInputStream", "getPath", "getName",
    "readObjects", "if",
}  # fmt: skip


def test_calls_nothing_else() -> None:
    called = set(re.findall(r"\b(\w+) ?\(", CODE)) - GROOVY
    assert called == QUPATH


def test_brackets_match() -> None:
    without_text = re.sub(r"'[^'\n]*'|\"[^\"\n]*\"", "", CODE)
    for opening, closing in ("()", "{}", "[]"):
        assert without_text.count(opening) == without_text.count(closing)


def test_files_and_fields_are_those_of_the_output() -> None:
    files = set(re.findall(r"'([\w-]+\.[\w.]+)'", CODE))
    assert files == {SUMMARY_FILE, GEOJSON_FILE, COMPRESSED_GEOJSON_FILE}
    assert set(re.findall(r"\bimage\.(\w+)", CODE)) <= set(FolderEntry.model_fields)
