"""All detections of a folder as one CSV table."""

from __future__ import annotations

import csv
import io

from report.saved import Saved

COLUMNS = (
    "file", "x_px", "y_px", "x_mm", "y_mm", "probability", "probability_without_adaptation", "name",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # OWASP, "CSV Injection"


def detections_csv(images: list[Saved]) -> bytes:
    """The table in UTF-8, a row a detection; mm are the coordinates of `mitotic-figures.json`.

    A file name that a spreadsheet would take for a formula has an apostrophe put in front.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for saved in filter(lambda saved: saved.ok, images):
        origin = saved.processed.origin_mm
        for found in saved.detections:
            place = (found.x, found.y)
            axes = zip(place, saved.mpp, origin, strict=True)
            millimetres = [round(p * mpp / 1000 + zero, 7) for p, mpp, zero in axes]
            probability = found.probability
            name = saved.name_of(found)
            before = found.probability_without_adaptation
            writer.writerow([_text(saved.file), *place, *millimetres, probability, before, name])
    return text.getvalue().encode(errors="backslashreplace")


def _text(name: str) -> str:
    return f"'{name}" if name.startswith(FORMULA) else name
