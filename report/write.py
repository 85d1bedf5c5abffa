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
    PAGE_FILE,
    PAGE_FOLDER,
    PARQUET_FILE,
    SUMMARY_FILE,
    TILES_FILE,
)
from batch.options import FILES
from batch.page_tiles import remove_tiles
from batch.recognise import is_own
from batch.stale import set_aside
from batch.terminal import Terminal, shown
from batch.writing import write_json, write_whole
from model.hashes import file_sha256
from report.cohort import cohort_page, is_cohort
from report.geojson import Objects, geojson_file
from report.overlay import overlays
from report.page import entry, render
from report.pictures import cells_of
from report.regions import ArrayReader, RegionReader, SlideReader
from report.reviews.merge import Merged, merge
from report.reviews.read import read_reviews
from report.saved import Saved, find_image, load_output, read_pixels
from report.table import check_packages, detections_csv, detections_parquet
from report.tiles import (
    Tile,
    all_tiles,
    earlier_tiles,
    set_folder_aside,
    tiles_around,
    write_tiles,
)
from report.view import is_embedded, tiled_source
from slide.image import ImageError
from slide.whole_slide import WholeSlide

KINDS = tuple(FILES)
# What a slide's view has in full resolution: about 0.1 MB for each of its most probable cells.
AROUND_CELL_UM = 50.0
MOST_FINE_CELLS = 1000
DEFAULT_KINDS = tuple(kind for kind in KINDS if kind != "parquet")  # which needs another package
PICTURES = {"overlay", "report"}  # they need the image


def write(
    output: Path,
    kinds: Collection[str] = DEFAULT_KINDS,
    source: Path | None = None,
    terminal: Terminal | None = None,
    reviews: Sequence[Path] = (),
    objects: Objects = "annotation",
) -> list[str]:
    """Make the files of these kinds from an output folder's results and their images.

    Args:
        output: folder that process.py has written.
        kinds: out of KINDS; none for nothing.
        source: folder with the images; None for the places that the results keep.
        terminal: where progress and problems are shown.
        objects: what the points are in QuPath.
        reviews: files that people saved from the page, to merge into the page and the summary.

    Returns:
        A line "file: reason" for each image that could not be drawn. Table and page are made
        without its pictures.

    Raises:
        ValueError: the folder holds no results that can be understood, a review is not of them, or
            pyarrow is missing.
        OSError: a file cannot be written.
    """
    if not kinds:
        return []
    check_packages(kinds)
    terminal = terminal or Terminal()
    images = load_output(output)
    reviewed = read_reviews(reviews, images)
    writer = _Writer(output)
    problems, entries = [], []
    for saved in _with_progress(images, terminal):
        try:
            image = _open(saved, source) if saved.ok and PICTURES & set(kinds) else None
        except ImageError as error:
            image = None
            problems.append(terminal.error(f"{shown(saved.file)}: {error}"))
        if "report" in kinds:
            tiles = None if image is None else writer.tiles(saved, image, len(images))
            entries.append(entry(saved, image, len(images), tiles))
        for name, content in _files(saved, image, kinds, objects):
            writer.put(saved.folder / name, content, [saved.result])
    results = [saved.result for saved in images]
    for name, content in _tables(images, kinds):
        writer.put(output / name, content, results)
    merged = merge(images, reviewed) if reviews else None
    if "report" in kinds:
        page = render(entries, problems, merged, writer.summary.copies)
        writer.put(output / PAGE_FILE, page, results)
        if is_cohort(writer.summary):
            writer.put(output / COHORT_FILE, cohort_page(writer.summary), results)
    if reviews or "report" in kinds:
        writer.review(merged)
    writer.finish()
    return problems


def _open(saved: Saved, source: Path | None) -> RegionReader:
    """The image that was processed: its pixels, or a slide that is read in parts.

    Raises:
        ImageError: it cannot be read.
    """
    if saved.processed.slide is None:
        return ArrayReader(read_pixels(saved, source))
    return SlideReader(WholeSlide(find_image(saved, source), saved.mpp[0]))


def _with_progress(images: Sequence[Saved], terminal: Terminal) -> Iterator[Saved]:
    with terminal.bar("report files") as progress:
        for number, saved in enumerate(images):
            progress("", number, len(images))
            yield saved


def _tables(images: list[Saved], kinds: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Name and content of the files of all images."""
    if "csv" in kinds:
        yield CSV_FILE, detections_csv(images)
    if "parquet" in kinds:
        yield PARQUET_FILE, detections_parquet(images)


def _files(
    saved: Saved, image: RegionReader | None, kinds: Collection[str], objects: Objects
) -> Iterator[tuple[str, bytes]]:
    """Name and content of the files of one image."""
    if "geojson" in kinds and saved.ok:
        yield geojson_file(saved, objects)
    if "overlay" in kinds and isinstance(image, ArrayReader):  # a slide is too large for one
        yield from overlays(saved, image.read(0, 0, *image.size, 0))


def _wanted_tiles(saved: Saved, image: RegionReader, images: int) -> list[Tile]:
    """All tiles of an image; of a slide, those of its overview and of the cells of the page."""
    if isinstance(image, ArrayReader):
        return all_tiles(image.size)
    chosen = cells_of(saved, images)[:MOST_FINE_CELLS]
    cells = [saved.detections[index] for index in chosen]
    points = np.array([(cell.x, cell.y) for cell in cells]).reshape(-1, 2)
    return tiles_around(image.size, points, AROUND_CELL_UM / saved.mpp[0])


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

    def tiles(self, saved: Saved, image: RegionReader, images: int) -> dict[str, Any] | None:
        """The tiles of an image, written unless an earlier page has them; None for a small one.

        images: how many the page shows.
        """
        if is_embedded(image.size, images):
            return None
        sha256 = saved.processed.image.sha256
        name = f"{PAGE_FOLDER}/{sha256[:16]}"
        folder, place = self._output / name, f"{name}/{TILES_FILE}"
        wanted = _wanted_tiles(saved, image, images)
        tiles = earlier_tiles(folder, sha256, wanted)
        if tiles is None:
            remove_tiles(folder, self._written.get(place))
            if folder.exists():
                set_folder_aside(folder)
            tiles = write_tiles(folder, image, sha256, wanted)
        self._written[place] = file_sha256(self._output / place)
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
