"""Writes the files for people that are asked for, from a folder of saved results."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from batch.documents import ImageResult, read_summary
from batch.layout import (
    COHORT_FILE,
    CSV_FILE,
    GEOJSON_FILE,
    PAGE_FILE,
    PAGE_FOLDER,
    SUMMARY_FILE,
    TILES_FILE,
)
from batch.options import FILES
from batch.recognise import is_own
from batch.stale import set_aside
from batch.terminal import Terminal, shown
from batch.writing import json_bytes, write_json, write_whole
from model.weights import file_sha256
from report.cohort import cohort_page, is_cohort
from report.geojson import feature_collection
from report.overlay import overlays
from report.page import entry, render
from report.reviews.merge import Merged, merge
from report.reviews.read import read_reviews
from report.saved import Saved, load_output, read_pixels
from report.table import detections_csv
from report.tiles import ArrayReader, earlier_tiles, set_folder_aside, write_tiles
from report.view import is_embedded, tiled_source
from slide.image import ImageError

KINDS = tuple(FILES)
PICTURES = {"overlay", "report"}  # they need the image


def write(
    output: Path,
    kinds: Collection[str] = KINDS,
    source: Path | None = None,
    terminal: Terminal | None = None,
    reviews: Sequence[Path] = (),
) -> list[str]:
    """Make the files of these kinds from an output folder's results and their images.

    Args:
        output: folder that process.py has written.
        kinds: out of KINDS; none for nothing.
        source: folder with the images; None for the places that the results keep.
        terminal: where progress and problems are shown.
        reviews: files that people saved from the page, to merge into the page and the summary.

    Returns:
        A line "file: reason" for each image that could not be drawn. Table and page are made
        without its pictures.

    Raises:
        ValueError: the folder holds no results that can be understood, or a review is not of them.
        OSError: a file cannot be written.
    """
    if not kinds:
        return []
    terminal = terminal or Terminal()
    images = load_output(output)
    reviewed = read_reviews(reviews, images)
    writer = _Writer(output)
    problems, entries = [], []
    for saved in _with_progress(images, terminal):
        pixels, problem = _pixels(saved, source) if PICTURES & set(kinds) else (None, None)
        if problem is not None:
            problems.append(terminal.error(f"{shown(saved.file)}: {problem}"))
        if "report" in kinds:
            tiles = None if pixels is None else writer.tiles(saved, pixels, len(images))
            entries.append(entry(saved, pixels, len(images), tiles))
        for name, content in _files(saved, pixels, kinds):
            writer.put(saved.folder / name, content, [saved.result])
    results = [saved.result for saved in images]
    if "csv" in kinds:
        writer.put(output / CSV_FILE, detections_csv(images), results)
    merged = merge(images, reviewed) if reviews else None
    if "report" in kinds:
        writer.put(output / PAGE_FILE, render(entries, problems, merged), results)
        if is_cohort(writer.summary):
            writer.put(output / COHORT_FILE, cohort_page(writer.summary), results)
    if reviews or "report" in kinds:
        writer.review(merged)
    writer.finish()
    return problems


def _pixels(saved: Saved, source: Path | None) -> tuple[np.ndarray | None, str | None]:
    """The pixels of an image that was processed, or why it cannot be read."""
    try:
        whole = saved.ok and saved.processed.slide is None  # slides are too large for pictures
        return read_pixels(saved, source) if whole else None, None
    except ImageError as error:
        return None, str(error)


def _with_progress(images: Sequence[Saved], terminal: Terminal) -> Iterator[Saved]:
    with terminal.bar("files for people") as progress:
        for number, saved in enumerate(images):
            progress("", number, len(images))
            yield saved


def _files(
    saved: Saved, pixels: np.ndarray | None, kinds: Collection[str]
) -> Iterator[tuple[str, bytes]]:
    """Name and content of the files of one image."""
    if "geojson" in kinds and saved.ok:
        yield GEOJSON_FILE, json_bytes(feature_collection(saved))
    if "overlay" in kinds and pixels is not None:
        yield from overlays(saved, pixels)


class _Writer:
    """Writes files into an output folder, and keeps their hashes in its summary.

    By the hash a later run recognises a file that nobody has changed, and may replace it. A file
    that somebody has changed, such as a reviewed table, is set aside.
    """

    def __init__(self, output: Path) -> None:
        self._output = output
        self.summary = read_summary(output / SUMMARY_FILE)
        self._written = dict(self.summary.files)

    def put(self, path: Path, content: bytes, results: Sequence[ImageResult]) -> None:
        """Write a file that describes these results."""
        place = str(path.relative_to(self._output))
        if not is_own(path, self._written.get(place), results):
            set_aside(path)
        write_whole(path, content)
        self._written[place] = hashlib.sha256(content).hexdigest()

    def tiles(self, saved: Saved, pixels: np.ndarray, images: int) -> dict[str, Any] | None:
        """The tiles of an image, written unless an earlier page has them; None for a small one.

        images: how many the page shows.
        """
        if is_embedded(pixels, images):
            return None
        sha256 = saved.processed.image.sha256
        name = f"{PAGE_FOLDER}/{sha256[:16]}"
        folder, index = self._output / name, self._output / name / TILES_FILE
        tiles = earlier_tiles(folder, sha256)
        if tiles is None:
            if folder.exists():
                set_folder_aside(folder)
            tiles = write_tiles(folder, ArrayReader(pixels), sha256)
        self._written[f"{name}/{TILES_FILE}"] = file_sha256(index)
        return tiled_source(name, tiles)

    def review(self, merged: Merged | None) -> None:
        """Take up the merged reviews in the summary; None removes those merged earlier."""
        entries = self.summary.images
        counts = merged.images if merged else [None] * len(entries)
        images = [
            entry.model_copy(update={"review": review})
            for entry, review in zip(entries, counts, strict=True)
        ]
        folder = merged.folder if merged else None
        self.summary = self.summary.model_copy(update={"images": images, "review": folder})

    def finish(self) -> None:
        """Keep the hashes."""
        summary = self.summary.model_copy(update={"files": self._written})
        write_json(self._output / SUMMARY_FILE, summary.content())
