"""The next image of a folder is read while this one is computed."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from slide.image import Image

Read = Callable[[Path], Image]
IsSmall = Callable[[Path, int], bool]  # of a path, beside an image of so many bytes


class WasRead(NamedTuple):
    """An image, and the seconds that it took to read."""

    image: Image
    seconds: float


class ReadAhead:
    """Reads images in a thread: the one that is asked for, and then the next one, no more."""

    def __init__(self, paths: Sequence[Path], read: Read, is_small: IsSmall) -> None:
        """Begin with nothing.

        Args:
            paths: in the order in which they will be asked for.
            read: gives the image of a path; what it raises is raised by `take`.
            is_small: whether an image may wait in memory beside the one at work, whose bytes it is
                told; others, and those for which it raises anything, are read in their turn.
        """
        self._next = dict(pairwise(paths))
        self._read = read
        self._is_small = is_small
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._waiting: dict[Path, Future[WasRead | None]] = {}

    def take(self, path: Path) -> WasRead:
        """The image of a path; what its reading raised is raised here, and not before."""
        waiting = self._waiting.pop(path, None)
        self._waiting.clear()  # of an image that was passed over
        held = 0
        try:
            ready = None if waiting is None else waiting.result()
            ready = ready or self._pool.submit(self._timed, path).result()
            held = ready.image.pixels.nbytes
            return ready
        finally:
            following = self._next.get(path)
            if following is not None:
                self._waiting[following] = self._pool.submit(self._timed_if_small, following, held)

    def close(self) -> None:
        """Wait for the thread; what it has read is forgotten."""
        self._pool.shutdown(cancel_futures=True)
        self._waiting.clear()

    def _timed(self, path: Path) -> WasRead:
        started = time.monotonic()
        return WasRead(self._read(path), time.monotonic() - started)

    def _timed_if_small(self, path: Path, held: int) -> WasRead | None:
        try:
            small = self._is_small(path, held)
        except Exception:  # what is wrong is found out, and told, in its turn
            return None
        try:
            return self._timed(path) if small else None
        except MemoryError:  # alone, in its turn, it may fit
            return None


@contextlib.contextmanager
def reading_ahead(
    paths: Sequence[Path], read: Read, is_small: IsSmall = lambda *_: True
) -> Iterator[ReadAhead]:
    """A ReadAhead, for as long as this process's own words keep descriptors of their own.

    While an image is read, the descriptors of stdout and stderr may be silent (slide/image.py),
    and now other work goes on meanwhile that has something to say.
    """
    with _streams_of_their_own():
        ahead = ReadAhead(paths, read, is_small)
        try:
            yield ahead
        finally:
            ahead.close()


@contextlib.contextmanager
def _streams_of_their_own() -> Iterator[None]:
    """Let sys.stdout and sys.stderr write to copies of descriptors 1 and 2."""
    kept = {}
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if _descriptor(stream) == descriptor:
            stream.flush()
            kept[name] = stream
            copied = open(  # noqa: SIM115 (closed below)
                os.dup(descriptor), "w", encoding=stream.encoding, errors=stream.errors, buffering=1
            )
            setattr(sys, name, copied)
    try:
        yield
    finally:
        for name, stream in kept.items():
            getattr(sys, name).close()
            setattr(sys, name, stream)


def _descriptor(stream: object) -> int | None:
    """Of a stream; None where it has none, or is None itself."""
    try:
        descriptor: int = stream.fileno()  # type: ignore[attr-defined]
        return descriptor
    except (AttributeError, OSError, ValueError, io.UnsupportedOperation):
        return None
