"""What an earlier run has finished, so that --resume continues where it ended."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from batch.documents import DocumentError, ProcessedImage, Record, read_result
from batch.layout import FIGURES_FILE, OF_IMAGE, RESULT_FILE
from batch.links import leads_out, relative_place
from batch.recognise import earlier_result
from batch.stale import is_finished, result_folders
from batch.writing import write_json
from model.hashes import file_sha256


def take_up_finished(
    images: Mapping[str, Path], output: Path, records: Mapping[str, Record]
) -> dict[str, ProcessedImage]:
    """The results of an earlier run that still hold, by the name of their folder.

    Results move where this run expects them: if an image was processed alone and is now one of
    several, its files move from the output folder into a subfolder, and the other way round.

    Args:
        images: to process, by the name of their folder in the output.
        output: folder of the results.
        records: how this run makes the results of each.
    """
    if not output.is_dir():
        return {}
    with contextlib.suppress(OSError):  # then they are processed again, or refused there
        _move_to_their_folders(images, output, records)
    kept = {}
    for name, path in images.items():
        folder = output / name
        result = None if leads_out(folder, output) else finished(path, folder, records[name])
        if result is not None:
            kept[name] = _with_place_of(path, folder, result)
    return kept


def finished(path: Path, folder: Path, record: Record) -> ProcessedImage | None:
    """An image's result where it still holds, else None.

    It holds where it describes a file with this name and these very bytes, was made with the same
    settings, weights and bank, and `mitotic-figures.json` beside it is what was written with it.
    Whatever cannot be read or understood is not finished.

    Args:
        path: file of the image. It is read, since size and date do not prove its content.
        folder: with the results of the image.
        record: settings and hashes of this run.
    """
    try:
        result = read_result(folder / RESULT_FILE)
        if not isinstance(result, ProcessedImage):
            return None
        same = (result.settings, result.weights, result.source_bank)
        holds = (
            result.file == path.name
            and same == (record.settings, record.weights, record.source_bank)
            and file_sha256(folder / FIGURES_FILE) == result.figures.sha256
            and path.is_file()  # a pipe would be waited for
            and file_sha256(path) == result.image.sha256
        )
    except (OSError, DocumentError):
        return None
    return result if holds else None


def _move_to_their_folders(
    images: Mapping[str, Path], output: Path, records: Mapping[str, Record]
) -> None:
    """Move finished results to where this run expects them, and none over another."""
    names = {path.name: name for name, path in images.items()}
    top = earlier_result(output)
    if top is not None and names.get(top.file) != "" and is_finished(output):
        _move(output, _free_folder(output, names.get(top.file), top.file))
    for folder in result_folders(output):
        result = None if folder == output else earlier_result(folder)
        name = None if result is None else names.get(result.file)
        if name is None or output / name == folder or _is_taken(output / name):
            continue
        if finished(images[name], folder, records[name]) is not None:
            _move(folder, output / name)


def _free_folder(output: Path, name: str | None, file: str) -> Path:
    """A folder that is not there yet; any of its names is one that an image can have."""
    folder, number = output / (name or Path(file).stem), 1
    while folder.exists() or folder.is_symlink():
        number += 1
        folder = output / f"{file}-{number}"
    return folder


def _is_taken(folder: Path) -> bool:
    return any((folder / file).exists() for file in (RESULT_FILE, FIGURES_FILE))


def _move(source: Path, target: Path) -> None:
    """Move an image's files; `result.json` last, so that the rest is there where it is."""
    target.mkdir(exist_ok=True)
    for name in (*OF_IMAGE, FIGURES_FILE, RESULT_FILE):
        if (source / name).is_file() and not (target / name).exists():
            os.replace(source / name, target / name)
    with contextlib.suppress(OSError):  # something else is in it
        source.rmdir()


def _with_place_of(path: Path, folder: Path, result: ProcessedImage) -> ProcessedImage:
    """The result with the present place of its image, written where images or results moved."""
    place = relative_place(path, folder)
    if result.image.path == place:
        return result
    image = result.image.model_copy(update={"path": place})
    moved = result.model_copy(update={"image": image})
    with contextlib.suppress(OSError):
        write_json(folder / RESULT_FILE, moved.content())
    return moved
