"""All detections of a folder as one table: CSV, and Parquet for data frames."""

from __future__ import annotations

import csv
import importlib.util
import io
from collections.abc import Collection, Iterator
from typing import Any

from report.saved import Saved

COLUMNS = (
    "file", "x_px", "y_px", "x_mm", "y_mm", "probability", "probability_without_adaptation", "name",
    "folder", "group", "x_um", "y_um",
)  # fmt: skip
TEXT = ("file", "name", "folder", "group")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # OWASP, "CSV Injection"


def check_packages(kinds: Collection[str]) -> None:
    """Raise ValueError where a kind of file needs a package that is not installed."""
    if "parquet" in kinds and importlib.util.find_spec("pyarrow") is None:
        raise ValueError("--parquet needs pyarrow: pip install -r requirements-cohort.txt")


def detections_csv(images: list[Saved]) -> bytes:
    """The table in UTF-8, a row a detection.

    mm are the coordinates of `mitotic-figures.json`, which include the image's origin; µm count
    from its first pixel. Folder and group are those of `results.json`. Text that a spreadsheet
    would take for a formula has an apostrophe put in front.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(map(_cell, row) for row in _rows(images))
    return text.getvalue().encode(errors="backslashreplace")


def detections_parquet(images: list[Saved]) -> bytes:
    """The same table as Parquet; the columns of TEXT are text, all others float64."""
    import pyarrow
    from pyarrow import parquet

    columns = list(zip(*_rows(images), strict=True)) or [()] * len(COLUMNS)
    kinds = dict.fromkeys(TEXT, pyarrow.string())
    arrays = {
        name: pyarrow.array(map(_readable, values), kinds.get(name, pyarrow.float64()))
        for name, values in zip(COLUMNS, columns, strict=True)
    }
    content = io.BytesIO()
    parquet.write_table(pyarrow.table(arrays), content)
    return content.getvalue()


def _rows(images: list[Saved]) -> Iterator[tuple[Any, ...]]:
    for saved in filter(lambda saved: saved.ok, images):
        origin = saved.processed.origin_mm
        for found in saved.detections:
            place = (found.x, found.y)
            axes = zip(place, saved.mpp, origin, strict=True)
            millimetres = [round(p * mpp / 1000 + zero, 7) for p, mpp, zero in axes]
            scores = (found.probability, found.probability_without_adaptation)
            micrometres = [round(p * mpp, 4) for p, mpp in zip(place, saved.mpp, strict=True)]
            image = (saved.name or None, saved.group, *micrometres)
            yield (saved.file, *place, *millimetres, *scores, saved.name_of(found), *image)


def _readable(value: Any) -> Any:
    """A name that is not valid UTF-8 as the CSV table has it; other values as they are."""
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def _cell(value: Any) -> Any:
    is_formula = isinstance(value, str) and value.startswith(FORMULA)
    return f"'{value}" if is_formula else value
