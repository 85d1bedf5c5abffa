"""One image is read ahead, in time and in order, and what is wrong with it waits for its turn."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batch.read_ahead import ReadAhead, reading_ahead
from slide.image import Image

WAIT = 10.0  # s, at most, for a thread


class Reader:
    """Replaces reading: records the files asked for, and the thread."""

    def __init__(self, broken: str = "") -> None:
        self.broken = broken
        self.asked: list[str] = []
        self.threads: set[str] = set()
        self.images: list[weakref.ref[np.ndarray]] = []
        self.done = threading.Semaphore(0)

    def __call__(self, path: Path) -> Image:
        self.asked.append(path.name)
        self.threads.add(threading.current_thread().name)
        pixels = np.zeros((4, 4, 3), np.uint8)
        self.images.append(weakref.ref(pixels))
        self.done.release()
        if path.name == self.broken:
            raise MemoryError(path.name)
        return Image(pixels, (1.0, 1.0), (0.0, 0.0))


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    for name in "abcd":
        (tmp_path / name).write_bytes(b"-" * 10)
    return [tmp_path / name for name in "abcd"]


def wait(reader: Reader, count: int) -> None:
    """Until so many more images have been read."""
    assert all(reader.done.acquire(timeout=WAIT) for _ in range(count))


def test_the_next_one_is_read_and_no_more(paths: list[Path]) -> None:
    reader = Reader()
    with reading_ahead(paths, reader) as ahead:
        assert reader.asked == []
        for number, path in enumerate(paths, start=1):
            image, seconds = ahead.take(path)
            assert image.pixels.shape == (4, 4, 3) and seconds >= 0
            wait(reader, 2 if number == 1 else min(1, len(paths) - number))
            assert reader.asked == list("abcd")[: number + 1]
    assert threading.main_thread().name not in reader.threads and len(reader.threads) == 1


def test_it_is_read_while_another_is_computed(paths: list[Path]) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def read(path: Path) -> Image:
        if path == paths[1]:
            begun.set()
            assert may_end.wait(WAIT)
        return Reader()(path)

    with reading_ahead(paths, read) as ahead:
        ahead.take(paths[0])
        assert begun.wait(WAIT), "the second is read before it is asked for"
        may_end.set()
        assert ahead.take(paths[1]).image.spacing == (1.0, 1.0)


@pytest.mark.parametrize("broken", "abcd")
def test_what_is_wrong_waits_for_its_turn(paths: list[Path], broken: str) -> None:
    with reading_ahead(paths, Reader(broken)) as ahead:
        for path in paths:
            if path.name == broken:
                with pytest.raises(MemoryError, match=broken):
                    ahead.take(path)
            else:
                assert ahead.take(path).image.spacing == (1.0, 1.0)


def test_no_more_than_one_image_waits(paths: list[Path]) -> None:
    """Also where images are left out: those that an earlier run has finished."""
    reader = Reader()
    ahead = ReadAhead(paths, reader, lambda *_: True)
    taken: Any = ahead.take(paths[0])
    wait(reader, 2)
    taken = ahead.take(paths[2])  # b was read in vain
    wait(reader, 2)
    gc.collect()
    assert reader.asked == list("abcd")
    assert [image() is not None for image in reader.images] == [False, False, True, True]
    ahead.close()
    del taken
    gc.collect()
    assert all(image() is None for image in reader.images)


def test_image_that_does_not_fit_beside_another_is_read_again(paths: list[Path]) -> None:
    asked: list[str] = []

    def read(path: Path) -> Image:
        asked.append(path.name)
        if asked.count(path.name) == 1 and path.name == "b":
            raise MemoryError
        return Reader()(path)

    with reading_ahead(paths, read) as ahead:
        for path in paths:
            assert ahead.take(path).image.spacing == (1.0, 1.0)
    assert asked == list("abbcd")


def fails(_: Path, __: int) -> bool:
    raise OSError("gone")


def test_the_size_of_the_current_image_is_passed_on(paths: list[Path]) -> None:
    given: list[tuple[str, int]] = []

    def decide(path: Path, held: int) -> bool:
        given.append((path.name, held))
        return True

    with reading_ahead(paths, Reader(), decide) as ahead:
        ahead.take(paths[0])
        ahead.take(paths[1])
    assert given[0] == ("b", 4 * 4 * 3)


@pytest.mark.parametrize("is_small", [lambda *_: False, fails], ids=["large", "unknown"])
def test_large_image_is_read_in_its_turn(paths: list[Path], is_small: Any) -> None:
    reader = Reader()
    with reading_ahead(paths, reader, is_small) as ahead:
        ahead.take(paths[0])
        ahead.close()  # waits for what the thread does
        assert reader.asked == ["a"]
    with reading_ahead(paths, reader, is_small) as ahead:
        for path in paths:
            assert ahead.take(path).image.spacing == (1.0, 1.0)
    assert reader.asked == ["a", *"abcd"]


SILENT = """
import os, sys
from batch.read_ahead import reading_ahead
with reading_ahead([], print):
    null = os.open(os.devnull, os.O_WRONLY)
    kept = os.dup(1), os.dup(2)
    os.dup2(null, 1), os.dup2(null, 2)
    print("a line"), print("an error", file=sys.stderr)
    os.write(1, b"a library's"), os.write(2, b"noise")
    os.dup2(kept[0], 1), os.dup2(kept[1], 2)
print("the last line")
"""


def test_words_are_not_lost_while_the_descriptors_are_silent() -> None:
    done = subprocess.run([sys.executable, "-c", SILENT], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("a line\nthe last line\n", "an error\n")
