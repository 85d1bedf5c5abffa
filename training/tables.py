"""Tables of a data folder: CSV files with a header."""

from __future__ import annotations

import csv
from pathlib import Path


def read_table(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file by column name."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
