"""What is finished of a whole slide, tile by tile, so that a run that was killed continues there.

The arrays lie in a hidden folder beside the slide's results, each written whole. They belong to
these bytes of the file, these settings and these weights; the folder is removed at the end.
"""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from batch.documents import Record
from batch.writing import json_bytes, write_whole, writing
from model.hashes import file_sha256

FOLDER = ".unfinished-slide"
KEY_FILE = "key.json"


class Unfinished:
    """Keeps the arrays of a slide that is being processed (a Memo of model/slide_target.py)."""

    def __init__(self, folder: Path) -> None:
        """folder: of the arrays."""
        self._folder = folder

    @classmethod
    def open(cls, results: Path, path: Path, record: Record, resume: bool) -> Unfinished:
        """The arrays of a slide; none where an earlier run is not to be continued.

        Args:
            results: folder for the results of the slide.
            path: file of the slide. It is read, since size and date do not prove its content.
            record: how the results are made.
            resume: whether to continue an earlier run.

        Raises:
            OutputError: the folder cannot be written to.
        """
        folder = results / FOLDER
        key = json_bytes({"sha256": file_sha256(path), **record.model_dump(mode="json")})
        if not (resume and _read(folder / KEY_FILE) == key):
            remove_unfinished(results)
        with writing():
            write_whole(folder / KEY_FILE, key)
        return cls(folder)

    def __call__(self, name: str, compute: Callable[[], np.ndarray]) -> np.ndarray:
        """The array of this name; computed and written if it is not there.

        name: "stage/tile" or "stage/tile-step".
        """
        path = self._folder / f"{name}.npy"
        kept = _array(path)
        if kept is not None:
            return kept
        computed = compute()
        content = io.BytesIO()
        np.save(content, computed, allow_pickle=False)
        with writing():
            write_whole(path, content.getvalue())
        return computed


def has_unfinished(results: Path) -> bool:
    """Whether an earlier run has kept anything of a slide in the folder of its results."""
    folder = results / FOLDER
    return not folder.is_symlink() and (folder / KEY_FILE).is_file()


def remove_unfinished(results: Path) -> None:
    """Remove what is kept of a slide in the folder of its results; never what a link leads to."""
    folder = results / FOLDER
    if folder.is_symlink():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _array(path: Path) -> np.ndarray | None:
    """An array that was written whole; None where there is none."""
    with contextlib.suppress(OSError, ValueError, EOFError):
        array: np.ndarray = np.load(path, allow_pickle=False)
        return array
    return None


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
