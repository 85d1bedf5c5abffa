"""Reads the next image of a folder while the current one is computed."""

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
from typing import Generic, NamedTuple, Protocol, TypeVar

IsSmall = Callable[[Path, int], bool]  # path; bytes of the image in memory at the same time


class Held(Protocol):
    """An image in memory, or a slide that is open, and the bytes that it takes."""

    @property
    def held(self) -> int:
        """Bytes of memory."""
        ...


T = TypeVar("T", bound=Held)


class WasRead(NamedTuple, Generic[T]):
    """An image, and the seconds that it took to read."""

    image: T
    seconds: float


class ReadAhead(Generic[T]):
    """Reads images in a thread: the requested one, and then the next one, but no more."""

    def __init__(
        self,
        paths: Sequence[Path],
        read: Callable[[Path], T],
        is_small: IsSmall,
        was_read: Callable[[Path], WasRead[T] | None] = lambda _: None,
    ) -> None:
        """Read nothing yet.

        Args:
            paths: in the order in which they will be requested.
            read: returns the image of a path; its exceptions are raised by `take`.
            is_small: whether an image may wait in memory while another one, whose bytes it is
                given, is computed; other images, and those for which it raises an exception, are
                read when they are requested.
            was_read: the image of a path, if it was read before.
        """
        self._next = dict(pairwise(paths))
        self._read = read
        self._is_small = is_small
        self._was_read = was_read
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._waiting: dict[Path, Future[WasRead[T] | None]] = {}

    def take(self, path: Path) -> WasRead[T]:
        """The image of a path. An exception of its reading is raised here, not earlier."""
        waiting = self._waiting.pop(path, None)
        self._waiting.clear()  # an image that was not requested
        held = 0
        try:
            ready = None if waiting is None else waiting.result()
            ready = ready or self._was_read(path) or self._pool.submit(self._timed, path).result()
            held = ready.image.held
            return ready
        finally:
            following = self._next.get(path)
            if following is not None:
                self._waiting[following] = self._pool.submit(self._timed_if_small, following, held)

    def close(self) -> None:
        """Wait for the thread, and drop what it has read."""
        self._pool.shutdown(cancel_futures=True)
        self._waiting.clear()

    def _timed(self, path: Path) -> WasRead[T]:
        started = time.monotonic()
        return WasRead(self._read(path), time.monotonic() - started)

    def _timed_if_small(self, path: Path, held: int) -> WasRead[T] | None:
        try:
            small = self._is_small(path, held)
        except Exception:  # reported when the image is requested
            return None
        try:
            return self._timed(path) if small else None
        except MemoryError:  # it may fit when it is alone in memory
            return None


@contextlib.contextmanager
def reading_ahead(
    paths: Sequence[Path],
    read: Callable[[Path], T],
    is_small: IsSmall = lambda *_: True,
    was_read: Callable[[Path], WasRead[T] | None] = lambda _: None,
) -> Iterator[ReadAhead[T]]:
    """A ReadAhead, during which sys.stdout and sys.stderr write to copies of their descriptors.

    While an image is read, descriptors 1 and 2 may be silenced (slide/libraries.py), and the image
    that is computed at the same time must not lose its messages.
    """
    with copied_streams():
        ahead = ReadAhead(paths, read, is_small, was_read)
        try:
            yield ahead
        finally:
            ahead.close()


@contextlib.contextmanager
def copied_streams() -> Iterator[None]:
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
    """The descriptor of a stream; None where there is none."""
    try:
        descriptor: int = stream.fileno()  # type: ignore[attr-defined]
        return descriptor
    except (AttributeError, OSError, ValueError, io.UnsupportedOperation):
        return None
