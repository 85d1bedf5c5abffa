"""What an earlier run has finished, so that a folder can be gone on with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from batch.output import FILE_NAME, RESULT_FILE
from model.weights import file_sha256

SAME = ("settings", "weights", "source_bank")  # of the record, for a result to hold


def finished(path: Path, folder: Path, record: dict[str, Any]) -> dict[str, Any] | None:
    """The content of an image's `result.json` where it still holds, else None.

    It holds where it says "ok" of a file with this name and these very bytes, was made with the
    same settings, weights and bank, and `mitotic-figures.json` beside it is what was written with
    it. Whatever cannot be read or understood is not finished.

    Args:
        path: file of the image. It is read, since a size and a date prove no content.
        folder: with the results of the image.
        record: settings and hashes of this run, as `result.json` keeps them.
    """
    expected = json.loads(json.dumps(record))  # as they are read back: lists for tuples
    try:
        result: dict[str, Any] = json.loads((folder / RESULT_FILE).read_text())
        holds = (
            (result["status"], result["file"]) == ("ok", path.name)
            and all(result[key] == expected[key] for key in SAME)
            and file_sha256(folder / FILE_NAME) == result["figures"]["sha256"]
            and path.is_file()  # a pipe would be waited for
            and file_sha256(path) == result["image"]["sha256"]
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return result if holds else None
