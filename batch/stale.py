"""Keeps the output folder free of what describes images of earlier runs.

Only files that are recognised as this program's own and unchanged are removed (batch/recognise.py).
Somebody else's file under a name that is needed is set aside under another name.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from batch.documents import ImageResult, ProcessedImage
from batch.layout import (
    FIGURES_FILE,
    OF_FOLDER,
    OF_IMAGE,
    RESULT_FILE,
    SUMMARY_FILE,
    may_be_folder_of,
)
from batch.page_tiles import own_tiles
from batch.recognise import earlier_result, earlier_summary, has_figures, is_own, is_plain
from batch.unfinished import has_unfinished, remove_unfinished
from batch.writing import UNFINISHED


def remove_stale(output: Path, keep_finished: bool = False, keep_page: bool = False) -> int:
    """Remove what earlier runs left in an output folder; the number of files.

    Args:
        output: folder of the results; it may be missing.
        keep_finished: whether to keep what describes an image that was finished.
        keep_page: whether to keep what describes all images: the page and the table.

    Raises:
        OSError: a file cannot be removed.
    """
    if not output.is_dir():
        return 0
    summary = earlier_summary(output)
    known = {} if summary is None else summary.files
    folders = list(result_folders(output))
    stale = [] if keep_page else own_files_of_folder(output, folders, known)
    for folder in folders:
        if not (keep_finished and is_finished(folder)):
            stale += own_files_of_image(folder, output, known)
    if not keep_finished and summary is not None:
        stale.append(output / SUMMARY_FILE)
    for path in stale:
        path.unlink(missing_ok=True)
    places = {folder for path in stale for folder in _folders(path, output)}
    _remove_empty(places | (set() if keep_finished else _remove_unfinished(folders, output)))
    return len(stale)


def _remove_unfinished(folders: Sequence[Path], output: Path) -> set[Path]:
    """Remove what is kept of slides that were not finished; the folders that it was in."""
    kept = {folder for folder in folders if has_unfinished(folder)}
    for folder in kept:
        remove_unfinished(folder)
    return kept - {output}


def _folders(path: Path, output: Path) -> list[Path]:
    """The folders that a file of the output folder is in, apart from the output folder."""
    return [folder for folder in path.parents if output in folder.parents]


def _remove_empty(folders: set[Path]) -> None:
    for folder in sorted(folders, key=lambda folder: -len(folder.parts)):
        with contextlib.suppress(OSError):  # something else is in it
            folder.rmdir()


def clear_for_image(folder: Path, output: Path, known: Mapping[str, str]) -> None:
    """Make way for an image's results in its folder.

    Args:
        folder: of the results of one image.
        output: folder of the results of all images.
        known: SHA-256 of the files that report/ has written, by their place in the output folder.

    Raises:
        OSError: a file cannot be removed or renamed.
    """
    for path in own_files_of_image(folder, output, known):
        path.unlink(missing_ok=True)
    for name in (RESULT_FILE, FIGURES_FILE):
        set_aside(folder / name)


def set_aside(path: Path) -> Path | None:
    """Rename a regular file so that its name is free; its new place, None without such a file.

    Raises:
        OSError: it cannot be renamed.
    """
    if not is_plain(path):
        return None
    number = 1
    while (aside := path.with_name(f"{path.stem}.kept-{number}{path.suffix}")).exists():
        number += 1
    return path.rename(aside)


def result_folders(output: Path) -> Iterator[Path]:
    """The output folder and the folders in it that may hold results of its images.

    A folder with a summary of its own is the output folder of another run.
    """
    yield output
    for folder in sorted(output.iterdir()):
        if folder.is_symlink() or not folder.is_dir() or (folder / SUMMARY_FILE).exists():
            continue
        result = earlier_result(folder)
        if result is None or may_be_folder_of(folder.name, result.file):
            yield folder


def is_finished(folder: Path) -> bool:
    """Whether the folder holds a result and the figures that were written with it."""
    result = earlier_result(folder)
    return isinstance(result, ProcessedImage) and has_figures(folder, result)


def own_files_of_image(folder: Path, output: Path, known: Mapping[str, str]) -> list[Path]:
    """The files of a folder that describe its image, in the order in which to remove them.

    `result.json` comes before the figures: where it says "ok", they are complete.
    """
    result = earlier_result(folder)
    files = _own(folder, OF_IMAGE, [] if result is None else [result], output, known)
    files += [folder / RESULT_FILE] if result is not None else []
    files += [folder / FIGURES_FILE] if has_figures(folder, result) else []
    for name in (RESULT_FILE, FIGURES_FILE, *OF_IMAGE):
        files += folder.glob(f".{name}.*{UNFINISHED}")
    return files


def own_files_of_folder(
    output: Path, folders: Sequence[Path], known: Mapping[str, str]
) -> list[Path]:
    """The files that describe all images of an output folder, apart from its summary."""
    results = [result for folder in folders if (result := earlier_result(folder)) is not None]
    return _own(output, OF_FOLDER, results, output, known) + own_tiles(output, known)


def _own(
    folder: Path,
    names: Sequence[str],
    results: Sequence[ImageResult],
    output: Path,
    known: Mapping[str, str],
) -> list[Path]:
    places = {str((folder / name).relative_to(output)): folder / name for name in names}
    return [path for place, path in places.items() if is_own(path, known.get(place), results)]
