"""Results of an experiment, kept as they come, so that an interrupted run continues."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evaluation import ScoringError

RESULTS_FILE = "results.jsonl"
SETTINGS_FILE = "settings.json"

Row = dict[str, Any]


class Results:
    """The rows of one folder, a line each."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        """Make the folder, for results of these settings only.

        Raises:
            ScoringError: it holds results of other settings.
        """
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / SETTINGS_FILE
        if path.exists() and json.loads(path.read_text()) != settings:
            raise ScoringError(f"{folder} holds results of other settings: choose another folder")
        path.write_text(json.dumps(settings, indent=2) + "\n")
        self._folder = folder
        self.rows = read_results(folder)

    def add(self, row: Row) -> None:
        """Keep a row, on disk when this returns."""
        with (self._folder / RESULTS_FILE).open("a") as file:
            file.write(json.dumps(row) + "\n")
        self.rows.append(row)


def read_results(folder: Path) -> list[Row]:
    """The rows of a folder; a last line that was cut off is removed from the file."""
    path = folder / RESULTS_FILE
    if not path.exists():
        return []
    text = path.read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole)
    return [json.loads(line) for line in whole.splitlines()]
