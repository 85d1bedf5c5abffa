"""Contents of a source bank for review: counts, confidence and pictures.

The contact sheet shows pixels of the images: their licence applies, and it must not be published.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from batch.writing import write_json
from model.patches import PATCH_SIZE
from training.samples import Samples

COLUMNS = 20  # patches in a row of the contact sheet
GAP = 2  # px between them


def write_report(
    folder: Path,
    samples: Samples,
    entries: list[dict[str, object]],
    made: dict[str, Any],
) -> None:
    """Write `report.json` and `contact_sheet.png`.

    Args:
        folder: to write to.
        samples: that they were chosen from.
        entries: rows of the bank's `entries.csv`.
        made: how the bank was made; goes into the report.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "report.json", {**made, **summary(entries)})
    PIL.Image.fromarray(contact_sheet(samples, entries)).save(folder / "contact_sheet.png")


def summary(entries: list[dict[str, object]]) -> dict[str, Any]:
    """Entries and their confidence by scanner and class, and entries by slide."""
    groups: dict[str, Any] = {}
    for scanner, lab, mitotic in sorted({_group(row) for row in entries}):
        sure = [
            float(str(r["confidence"])) for r in entries if _group(r) == (scanner, lab, mitotic)
        ]
        kind = "mitotic" if mitotic else "negative"
        quantiles = np.quantile(sure, [0, 0.05, 0.5]).round(4).tolist()
        groups.setdefault("_".join(filter(None, (scanner, lab))), {})[kind] = {
            "entries": len(sure),
            "confidence": dict(zip(("least", "5 %", "median"), quantiles, strict=True)),
        }
    slides = Counter(f"{row['slide']} {'mitotic' if row['mitotic'] else 'negative'}"
                     for row in entries)  # fmt: skip
    return {"entries": len(entries), "scanners": groups, "slides": dict(sorted(slides.items()))}


def contact_sheet(samples: Samples, entries: list[dict[str, object]]) -> np.ndarray:
    """(height, width, 3) uint8: for each scanner two rows of its mitotic entries, then two of its
    negatives; first the surest, then the least sure."""
    places = {
        (samples.images[i].file, round(float(x), 1), round(float(y), 1)): k
        for k, (i, (x, y)) in enumerate(zip(samples.image, samples.centres, strict=True))
    }
    rows = []
    for group in sorted({_group(row) for row in entries}, key=lambda g: (g[0], g[1], -g[2])):
        here = [row for row in entries if _group(row) == group]
        here.sort(key=lambda row: -float(str(row["confidence"])))
        for shown in (here[:COLUMNS], here[COLUMNS:][-COLUMNS:]):
            strip = np.full((PATCH_SIZE + GAP, COLUMNS * (PATCH_SIZE + GAP), 3), 255, np.uint8)
            for column, row in enumerate(shown):
                index = places[str(row["file"]), float(str(row["x"])), float(str(row["y"]))]
                left = column * (PATCH_SIZE + GAP)
                strip[:PATCH_SIZE, left : left + PATCH_SIZE] = samples.patch(index)
            if shown:
                rows.append(strip)
    return np.concatenate(rows)


def _group(row: dict[str, object]) -> tuple[str, str, int]:
    return str(row["scanner"]), str(row["lab"]), int(str(row["mitotic"]))
