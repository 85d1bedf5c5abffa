"""Keeps two workers from the same image: one may still be at work that is believed to be dead.

The lock is a byte of one file in the output folder, held by the kernel for the process (`lockf`),
on network file systems too.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

from batch.lock import IMAGE_LOCKS, NO_LOCKS


@contextlib.contextmanager
def image_lock(output: Path, name: str) -> Iterator[None]:
    """Hold an image, after any other process that does.

    Args:
        output: folder of the results of all images.
        name: of the image's folder in it.

    Raises:
        OSError: the file of locks cannot be made.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(output / IMAGE_LOCKS, flags, 0o666)
    try:
        try:
            place = zlib.crc32(os.fsencode(name))
            fcntl.lockf(descriptor, fcntl.LOCK_EX, 1, place)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
        yield
    finally:
        os.close(descriptor)
