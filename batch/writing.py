"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

UNFINISHED = ".part"  # ends the hidden name under which a file is written
SPACE = 1 << 16  # bytes that must be free, for the results of one image
_ASK = "is the output folder writable by this user, and is there space on its disk?"
_FREE = "a file has the name of the folder that is needed: rename it, or give another folder"


class OutputError(Exception):
    """A result cannot be written. Its text: reason and remedy in one line."""


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Turn an OSError of the body into an OutputError."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise OutputError(
                "the folder for its results would have too long a name: shorten that of the file"
            ) from error
        remedy = _FREE if isinstance(error, FileExistsError | NotADirectoryError) else _ASK
        reason = error.strerror or error
        raise OutputError(f"the result cannot be written ({reason}): {remedy}") from error


def check_writable(folder: Path) -> None:
    """Make the folder, and write a file in it that is gone at once.

    Raises:
        OutputError: nothing can be written there.
    """
    try:
        with writing():
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(bytes(SPACE))
                os.fsync(file.fileno())
    except OutputError as error:
        raise OutputError(f"{folder}: {error}") from error


def json_bytes(content: object) -> bytes:
    """JSON as this program writes it.

    Raises:
        ValueError: a number is not finite.
    """
    return (json.dumps(content, indent=1, allow_nan=False) + "\n").encode()


def write_json(path: Path, content: object) -> None:
    """Write JSON as `write_whole` does.

    Raises:
        OSError: the folder cannot be written to, or the disk is full.
        ValueError: a number is not finite.
    """
    write_whole(path, json_bytes(content))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is complete, or else absent (or as it was before).

    Unfinished files of the same name, which a killed process left, are removed.

    Raises:
        OSError: the folder cannot be written to, or the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name[:100]}."
    for left_over in path.parent.glob(f"{glob.escape(prefix)}*{UNFINISHED}"):
        left_over.unlink(missing_ok=True)
    handle, name = tempfile.mkstemp(prefix=prefix, suffix=UNFINISHED, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp's files are private; results are for everyone, as the user's mask allows.
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
