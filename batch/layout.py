"""What lies where in the output folder.

One image:       OUTPUT/mitotic-figures.json, OUTPUT/result.json
Several images:  the same in OUTPUT/<stem of the image>/
Always:          OUTPUT/results.json
With a page:     OUTPUT/report.html, OUTPUT/report_files/<hash of an image>/
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

FIGURES_FILE = "mitotic-figures.json"
RESULT_FILE = "result.json"
SUMMARY_FILE = "results.json"
# For people, made from the results when asked for: beside result.json, or beside results.json.
OVERLAY_FILE = "overlay.png"
THUMBNAIL_FILE = "thumbnail.png"
GEOJSON_FILE = "detections.geojson"
COMPRESSED_GEOJSON_FILE = "detections.geojson.gz"  # of many points
PLOT_FILE = "diagnostics.png"
CSV_FILE = "detections.csv"
PARQUET_FILE = "detections.parquet"
PAGE_FILE = "report.html"
COHORT_FILE = "cohort.html"
PAGE_FOLDER = "report_files"  # tiles of large images, a folder for each image, for the page's view
TILES_FILE = "tiles.json"  # what is in such a folder
OF_IMAGE = (OVERLAY_FILE, THUMBNAIL_FILE, GEOJSON_FILE, COMPRESSED_GEOJSON_FILE, PLOT_FILE)
OF_FOLDER = (CSV_FILE, PARQUET_FILE, PAGE_FILE, COHORT_FILE)


def output_names(images: Sequence[Path]) -> list[str]:
    """Name of each image's folder in the output: "" for a single one, else its stem.

    Where stems clash, also by letter case, the whole file name is used, followed by a number where
    that is taken too. No name leads out of the output folder or equals that of a file or folder of
    the whole run, such as report.html.
    """
    if len(images) == 1:
        return [""]
    stems = [path.stem.casefold() for path in images]
    taken = {"", ".", "..", SUMMARY_FILE, PAGE_FOLDER, *OF_FOLDER}
    names = []
    for path, stem in zip(images, stems, strict=True):
        name = path.stem if stems.count(stem) == 1 and stem not in taken else path.name
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{path.name}-{number}"
        taken.add(name.casefold())
        names.append(name)
    return names


def may_be_folder_of(name: str, file: str) -> bool:
    """Whether `output_names` can give this name to an image with this file name."""
    return name in ("", Path(file).stem, file) or name.startswith(f"{file}-")
