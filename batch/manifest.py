"""A manifest: a CSV table of the images of a run, and what is stated about each.

The columns are `path` and, as far as needed, `mpp`, `roi` and `group`. Relative paths start at the
manifest's own folder. Whatever is wrong is reported before the first image, with its line.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from batch.inputs import wrong_kind
from slide.regions_of_interest import RegionError, Regions, load_regions

COLUMNS = ("path", "mpp", "roi", "group")
DELIMITERS = (",", ";", "\t")  # spreadsheets write the second where decimals have commas
MOST_SHOWN = 20  # problems
MAX_BYTES = 1 << 26
Row = dict[str, str]


class ManifestError(ValueError):
    """A manifest that cannot be used. Its text: a line for each problem."""


@dataclass(frozen=True)
class Planned:
    """An image to process, and what the user states about it.

    Attributes:
        path: the image file.
        mpp: µm per pixel, which replaces what the file says; None: not stated.
        regions: of interest; None for the whole image.
        group: to summarise by, such as a scanner or a hospital; None: not stated.
    """

    path: Path
    mpp: float | None = None
    group: str | None = None
    regions: Regions | None = None


def read_manifest(path: Path, with_mpp: bool = False) -> list[Planned]:
    """The images that a manifest lists, in its order.

    Args:
        path: CSV file in UTF-8, its columns separated by commas, semicolons or tabs.
        with_mpp: whether the pixel size is given for all images, so that PNG and JPEG can be used.

    Raises:
        ManifestError: it cannot be understood, or a file that it names is not there.
        OSError: it cannot be read.
    """
    images, problems = [], []
    lines: dict[Path, int] = {}  # of each image, to find those listed twice
    for number, row in _rows(path):
        try:
            planned = _planned(row, path.parent, with_mpp)
            first = lines.setdefault(planned.path.resolve(), number)
            if first != number:
                raise ValueError(f"{row['path']} is listed in line {first} already")
            images.append(planned)
        except (ValueError, OSError) as error:
            problems.append(f"line {number}: {error}")
    if not images and not problems:
        problems.append("no image is listed")
    if problems:
        raise ManifestError(_listed(path, problems))
    return images


def _rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Line and content, by column, of each row that is not blank."""
    text = _text(path)
    head, *below = text.split("\n", 2)
    is_marked = head.lower().startswith("sep=")  # Excel's statement of the delimiter
    delimiter = max(DELIMITERS, key=(below[0] if is_marked and below else head).count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        if is_marked:
            next(reader)
        columns = _columns(path, next(reader, []))
        for cells in reader:
            values = [cell.strip() for cell in cells]
            if not any(values):
                continue
            if any("\n" in value or "\r" in value for value in values):
                raise csv.Error(
                    "a cell with a line break: a quotation mark is missing, or one more"
                )
            if any(values[len(columns) :]):
                raise csv.Error(f"more than the {len(columns)} cells of the first line")
            yield reader.line_num, dict(zip(columns, values, strict=False))
    except csv.Error as error:
        raise ManifestError(f"{path}: line {reader.line_num}: {error}") from error


def _text(path: Path) -> str:
    """The manifest's text, without the mark that spreadsheets put in front."""
    if not path.is_file():
        raise ManifestError(f"{path}: no such file")
    if path.stat().st_size > MAX_BYTES:
        raise ManifestError(f"{path}: over {MAX_BYTES >> 20} MiB: not a list of images")
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ManifestError(
            f"{path}: not text in UTF-8: save it as CSV in UTF-8 (byte {error.start})"
        ) from error


def _columns(path: Path, head: list[str]) -> list[str]:
    """Names of the columns, whose order and letter case do not matter."""
    columns = [name.strip().lower() for name in head]
    while columns and not columns[-1]:
        columns.pop()
    wrong = [name for name in columns if name not in COLUMNS]
    if "path" not in columns:
        problem = "the first line must name the columns, `path` among them"
    elif wrong:
        problem = f"unknown column {wrong[0]!r}: rename or remove it"
    elif len(set(columns)) < len(columns):
        problem = "a column is there twice"
    else:
        return columns
    raise ManifestError(f"{path}: line 1: {problem} (columns: {', '.join(COLUMNS)})")


def _planned(row: Row, folder: Path, with_mpp: bool) -> Planned:
    """The image of a row.

    Raises:
        ValueError, OSError: it cannot be used.
    """
    if not row.get("path"):
        raise ValueError("no path")
    path, mpp = folder / row["path"], _mpp(row.get("mpp", ""))
    if not path.is_file():
        raise ValueError(f"{path} {'is not a file' if path.exists() else 'does not exist'}")
    if reason := wrong_kind(path, with_mpp or mpp is not None):
        raise ValueError(f"{path}: {reason}")
    return Planned(path, mpp, row.get("group") or None, _regions(row.get("roi", ""), folder))


def _regions(text: str, folder: Path) -> Regions | None:
    if not text:
        return None
    try:
        return load_regions(folder / text)
    except RegionError as error:
        raise ValueError(f"{folder / text}: {error}") from error


def _mpp(text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"mpp {text!r} is not a number above 0 (µm per pixel)")
    return value


def _listed(path: Path, problems: list[str]) -> str:
    more = len(problems) - MOST_SHOWN
    lines = [f"{path}: {problem}" for problem in problems[:MOST_SHOWN]]
    return "\n".join([*lines, f"{path}: {more} more such lines"] if more > 0 else lines)
