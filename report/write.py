"""Writes what is wanted of a folder of saved results."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from tqdm import tqdm

from batch.options import FILES
from batch.output import write_json, write_whole
from report.geojson import GEOJSON_FILE, feature_collection
from report.overlay import write_overlay
from report.page import PAGE_FILE, entry, render
from report.saved import load_output, read_pixels
from report.table import CSV_FILE, detections_csv
from slide.image import ImageError

KINDS = tuple(FILES)


def write(
    output: Path, kinds: Collection[str] = KINDS, source: Path | None = None, bar: bool = False
) -> list[str]:
    """Make the files of these kinds from an output folder's results and their images.

    Args:
        output: folder that process.py has written.
        kinds: out of KINDS.
        source: folder with the images; None for the places that the results keep.
        bar: whether to show a progress bar.

    Returns:
        A line "file: reason" for each image that could not be drawn. Tables and page are made
        without its pictures.

    Raises:
        ValueError: the folder holds no results that can be understood.
        OSError: a file cannot be written.
    """
    images = load_output(output)
    problems, entries = [], []
    for saved in tqdm(images, desc="report", unit="image", leave=False, disable=not bar):
        pixels = None
        if saved.ok and {"overlay", "report"} & set(kinds):
            try:
                pixels = read_pixels(saved, source)
            except ImageError as error:
                problems.append(f"{saved.file}: {error}")
        if "report" in kinds:
            entries.append(entry(saved, pixels, len(images)))
        if "geojson" in kinds and saved.ok:
            write_json(saved.folder / GEOJSON_FILE, feature_collection(saved))
        if "overlay" in kinds and pixels is not None:
            write_overlay(saved, pixels)
    if "csv" in kinds:
        write_whole(output / CSV_FILE, detections_csv(images))
    if "report" in kinds:
        write_whole(output / PAGE_FILE, render(entries, problems))
    return problems
