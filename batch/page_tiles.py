"""Finds the tiles that an earlier page left in an output folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from batch.documents.tiles import read_tiles
from batch.layout import PAGE_FOLDER, TILES_FILE
from batch.recognise import is_own, is_plain
from batch.writing import UNFINISHED
from model.hashes import file_sha256


def own_tiles(output: Path, known: Mapping[str, str]) -> list[Path]:
    """The tiles of earlier pages that nobody has changed, each list of tiles after its tiles.

    Args:
        output: folder of the results.
        known: SHA-256 of the files that report/ has written, by their place in the output folder.

    What a link inside the output folder leads to elsewhere is not among them.
    """
    found: list[Path] = []
    inside = output.resolve()
    for index in sorted((output / PAGE_FOLDER).glob(f"*/{TILES_FILE}")):
        if is_own(index, known.get(index.relative_to(output).as_posix()), []):
            found += [*_unchanged(index), index]
    found += _unfinished(output / PAGE_FOLDER)
    return [path for path in found if path.resolve().is_relative_to(inside)]


def remove_tiles(folder: Path, known: str | None) -> None:
    """Remove the tiles of an image that nobody has changed; other files stay.

    Args:
        folder: of the image's tiles.
        known: SHA-256 of its list of tiles, where it was kept.

    Raises:
        OSError: a file cannot be removed.
    """
    index = folder / TILES_FILE
    if folder.is_symlink() or not is_own(index, known, []):
        return
    for path in [*_unchanged(index), index]:
        path.unlink()
    for place in [*sorted(folder.rglob("*"), reverse=True), folder]:
        with contextlib.suppress(OSError):  # a file, or something else is in it
            place.rmdir()


def _unchanged(index: Path) -> Iterator[Path]:
    for name, sha256 in read_tiles(index).files.items():
        path = index.parent / name
        if is_plain(path) and file_sha256(path) == sha256:
            yield path


def _unfinished(folder: Path) -> Iterator[Path]:
    """What a killed process left."""
    for left_over in folder.glob(f".*{UNFINISHED}"):
        yield from (path for path in left_over.rglob("*") if is_plain(path))
