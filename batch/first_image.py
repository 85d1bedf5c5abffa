"""Reads the first image while torch is imported and the detector is loaded.

Must not import torch itself. What is read early is an offer: an image that the run does not begin
with is dropped, and one that is not offered is read in its turn, which also reports what is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from batch.inputs import find_images
from batch.read_ahead import WasRead, copied_streams
from batch.reading import Reading, memory_limit, source_of
from slide.image import Image
from slide.memory import MemoryBudget
from slide.whole_slide import WholeSlide, is_whole_slide

# Of the memory, what reading may take before it is known what the detector needs.
SHARE, RESTING_BYTES = 0.5, 1_000_000_000


class FirstImage:
    """The first image of a run, given away once."""

    def __init__(self, reading: Future[tuple[Path, WasRead[Image]] | None]) -> None:
        """What a thread reads: a path and its image, or None."""
        self._reading: Future[tuple[Path, WasRead[Image]] | None] | None = reading

    def take(self, path: Path, reading: Reading) -> WasRead[Image | WholeSlide] | None:
        """The image, if it is that of the path and `reading` has memory for it; then forget it."""
        if self._reading is None:
            return None
        found, self._reading = self._reading.result(), None
        if found is None or found[0] != path or not reading.has_memory_for(found[1].image):
            return None
        return WasRead(*found[1])


@contextlib.contextmanager
def reading_first_image(options: argparse.Namespace) -> Iterator[FirstImage]:
    """Read the first image of a run in a thread; it has ended when the context ends.

    sys.stdout and sys.stderr write to copies of their descriptors, as in reading_ahead.
    """
    with copied_streams(), ThreadPoolExecutor(max_workers=1) as pool:
        yield FirstImage(pool.submit(_read, options))


def _read(options: argparse.Namespace) -> tuple[Path, WasRead[Image]] | None:
    """Path and image of what a run probably begins with; None where that is not easily said."""
    if options.manifest is not None or options.resume:
        return None
    started = time.monotonic()
    with contextlib.suppress(Exception):  # reported when the image has its turn
        path = next(iter(find_images(options.input, options.mpp is not None).images))
        budget = MemoryBudget(int(memory_limit(options.max_memory) * SHARE), RESTING_BYTES, 0, 0)
        reading = Reading(source_of(options.input), options.mpp, budget)
        if not is_whole_slide(path):
            image = reading.read(path)
            assert isinstance(image, Image)
            return path, WasRead(image, time.monotonic() - started)
    return None
