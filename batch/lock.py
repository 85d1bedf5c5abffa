"""A lock on a folder of results: one run at a time writes there.

The lock is the kernel's (`flock`), so it ends with the process that holds it, however that ends.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from batch.writing import OutputError, writing

LOCK_FILE = ".lock"
IMAGE_LOCKS = ".images.lock"  # of the workers of a cluster (batch/cohort/image_lock.py)
# What a file system answers that has no locks, such as some network shares.
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


class LockedError(OutputError):
    """Another process holds the folder."""


@contextlib.contextmanager
def locked(folder: Path, wait: bool = False) -> Iterator[bool]:
    """Hold a folder, which is made where it is missing, and removed again if it stays empty.

    Args:
        folder: of results.
        wait: whether to wait for another holder.

    Yields whether the folder is held: False where its file system has no locks.

    Raises:
        LockedError: another process holds the folder, and `wait` is not set.
        OutputError: nothing can be written there.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    path = folder / LOCK_FILE
    try:
        with writing():
            folder.mkdir(parents=True, exist_ok=True)
            descriptor, held = _take(path, wait)
    except LockedError:
        raise
    except OutputError as error:
        raise OutputError(f"{folder}: {error}") from error
    try:
        yield held
        with contextlib.suppress(OSError):  # kept after an error, where workers may go on
            (folder / IMAGE_LOCKS).unlink()
    finally:
        with contextlib.suppress(OSError):
            path.unlink()  # while it is held, so that nobody else's is removed
        os.close(descriptor)
        with contextlib.suppress(OSError):  # results are in it
            for place in made:
                place.rmdir()


def _take(path: Path, wait: bool) -> tuple[int, bool]:
    """The descriptor of the locked file, and whether the file system has locks."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            held = _lock(descriptor, path, wait)
            if _is_file(descriptor, path):
                _say_who(descriptor)
                return descriptor, held
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # the holder before has removed that file: lock the present one


def _lock(descriptor: int, path: Path, wait: bool) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError as error:
        raise LockedError(
            f"{path.parent} is used by another run{_who(descriptor)}: wait until it ends, or give "
            "another folder"
        ) from error
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return False
    return True


def _is_file(descriptor: int, path: Path) -> bool:
    """Whether the path still leads to the open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _say_who(descriptor: int) -> None:
    """Write it into the file, unless the disk is full: the lock holds without it."""
    with contextlib.suppress(OSError):
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {os.uname().nodename}".encode(), 0)


def _who(descriptor: int) -> str:
    """The holder as it describes itself."""
    text = os.pread(descriptor, 200, 0).decode(errors="replace")
    return f" ({text})" if text.isprintable() and text else ""
