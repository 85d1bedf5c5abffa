"""Recognises what an earlier run wrote into an output folder, by content and not by name alone.

A file that somebody has changed since, such as a reviewed table, is not recognised: it is theirs.
`results.json` keeps the hashes of the files written by report/; those of version 0.1.0 have none
and are compared with their `result.json` instead.
"""

from __future__ import annotations

import csv
import gzip
import json
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from batch.challenge_json import ANY_FIGURES
from batch.documents import (
    DocumentError,
    FolderResults,
    ImageResult,
    ProcessedImage,
    read_result,
    read_summary,
)
from batch.documents.tiles import read_tiles
from batch.layout import (
    COHORT_FILE,
    COMPRESSED_GEOJSON_FILE,
    CSV_FILE,
    FIGURES_FILE,
    GEOJSON_FILE,
    OVERLAY_FILE,
    PAGE_FILE,
    PARQUET_FILE,
    PLOT_FILE,
    RESULT_FILE,
    SUMMARY_FILE,
    THUMBNAIL_FILE,
    TILES_FILE,
)
from batch.writing import json_bytes
from model.hashes import file_sha256

PLOT_SIZE = (1210, 605)  # px, of experiments/diagnostics.py
# What reading somebody else's file can raise.
UNLIKE_OURS = (
    OSError, ValueError, TypeError, KeyError, IndexError, RecursionError, struct.error, EOFError,
    zlib.error,
)  # fmt: skip
PAGE_SIGNS = ("<title>Mitosis detection: ", "Content-Security-Policy", "Research use only")


def earlier_summary(output: Path) -> FolderResults | None:
    """The `results.json` of an earlier run; None where there is none of this program."""
    try:
        path = output / SUMMARY_FILE
        return read_summary(path) if is_plain(path) else None
    except (OSError, DocumentError):
        return None


def earlier_result(folder: Path) -> ImageResult | None:
    """The `result.json` of an earlier run; None where there is none of this program."""
    try:
        path = folder / RESULT_FILE
        return read_result(path) if is_plain(path) else None
    except (OSError, DocumentError):
        return None


def is_plain(path: Path) -> bool:
    """Whether it is a regular file rather than a link to one."""
    return path.is_file() and not path.is_symlink()


def is_own(path: Path, known: str | None, results: Sequence[ImageResult]) -> bool:
    """Whether an earlier run wrote a file and nobody has changed it since.

    Args:
        path: with one of the names in `batch.layout`.
        known: SHA-256 of the file as it was written, where it was kept.
        results: of the images that the file describes, as far as they are recognised.
    """
    if not is_plain(path):
        return False
    try:
        return file_sha256(path) == known if known else LOOKS_OWN[path.name](path, results)
    except UNLIKE_OURS:
        return False


def has_figures(folder: Path, result: ImageResult | None) -> bool:
    """Whether the folder holds `mitotic-figures.json` as it was written with this result."""
    known = result.figures.sha256 if isinstance(result, ProcessedImage) else None
    return is_own(folder / FIGURES_FILE, known, [])


def _is_figures(path: Path, _: Sequence[ImageResult]) -> bool:
    """Without the result beside it, as after a killed run: this program's very form."""
    content = json.loads(path.read_bytes())
    ANY_FIGURES.validate_python(content)
    return path.read_bytes() == json_bytes(content)


def _is_overlay(path: Path, results: Sequence[ImageResult]) -> bool:
    return _png_size(path) in [r.size_px for r in _processed(results)]


def _is_thumbnail(path: Path, results: Sequence[ImageResult]) -> bool:
    width, height = _png_size(path)
    sizes = [r.size_px for r in _processed(results)]
    return any(abs(width * h - height * w) <= max(w, h) for w, h in sizes)


def _is_plot(path: Path, results: Sequence[ImageResult]) -> bool:
    return bool(results) and _png_size(path) == PLOT_SIZE


def _is_geojson(path: Path, results: Sequence[ImageResult]) -> bool:
    content = path.read_bytes()
    if path.name == COMPRESSED_GEOJSON_FILE:
        content = gzip.decompress(content)
    features = json.loads(content)["features"]
    points = [
        [*feature["geometry"]["coordinates"], *feature["properties"]["measurements"].values()]
        for feature in features
    ]
    return content == json_bytes(json.loads(content)) and any(
        points == [[d.x + 0.5, d.y + 0.5, *_scores(d)] for d in result.detections]
        for result in _processed(results)
    )


def _is_csv(path: Path, results: Sequence[ImageResult]) -> bool:
    with path.open(newline="", errors="replace") as file:
        _, *rows = csv.reader(file)
    expected = [(d.x, d.y, *_scores(d)) for r in _processed(results) for d in r.detections]
    return [tuple(map(float, (*row[1:3], *row[5:7]))) for row in rows] == expected


def _is_unknown(_: Path, __: Sequence[ImageResult]) -> bool:
    """Only its hash shows that a file is this program's."""
    return False


def _is_page(path: Path, _: Sequence[ImageResult]) -> bool:
    with path.open(errors="replace") as file:
        head = file.read(1 << 16)
    return all(sign in head for sign in PAGE_SIGNS)


def _is_tiles(path: Path, _: Sequence[ImageResult]) -> bool:
    return path.read_bytes() == json_bytes(read_tiles(path).content())


def _processed(results: Sequence[ImageResult]) -> Iterator[ProcessedImage]:
    return (result for result in results if isinstance(result, ProcessedImage))


def _scores(detection: Any) -> tuple[float, float]:
    return detection.probability, detection.probability_without_adaptation


def _png_size(path: Path) -> tuple[int, int]:
    """Width and height in px from the header of a PNG file."""
    with path.open("rb") as file:
        head = file.read(24)
    if not head.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ValueError("not a PNG file")
    width, height = struct.unpack(">II", head[16:24])
    return width, height


LOOKS_OWN: dict[str, Callable[[Path, Sequence[ImageResult]], bool]] = {
    FIGURES_FILE: _is_figures,
    OVERLAY_FILE: _is_overlay,
    THUMBNAIL_FILE: _is_thumbnail,
    GEOJSON_FILE: _is_geojson,
    COMPRESSED_GEOJSON_FILE: _is_geojson,
    CSV_FILE: _is_csv,
    PARQUET_FILE: _is_unknown,
    PAGE_FILE: _is_page,
    COHORT_FILE: _is_page,
    PLOT_FILE: _is_plot,
    TILES_FILE: _is_tiles,
}
