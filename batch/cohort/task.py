"""What a worker process does: one image at a time, by the same code as without workers.

Nothing large leaves the worker: it reads the image and writes the results itself.
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from batch.cohort.image_lock import image_lock
from batch.documents import Record
from batch.image_run import Job
from batch.layout import RESULT_FILE
from batch.outcome import Outcome
from batch.resume import finished
from batch.terminal import Terminal
from slide.memory import GIB, available_memory

if TYPE_CHECKING:
    from batch.folder import FolderSettings
    from model.detector import Detector

ONE_AT_A_TIME = threading.Lock()  # also in a worker that was started with several threads
Said = list[tuple[str, str]]  # the terminal's method, and its line


@dataclass(frozen=True)
class RunOptions:
    """What is the same for every task of a run.

    Attributes:
        run: identifies the run, since a worker may live longer.
        options: of the command line, with absolute paths.
        share: bytes of memory of each worker; None where the workers' own limits hold.
    """

    run: str
    options: argparse.Namespace
    share: int | None

    def __hash__(self) -> int:
        return hash(self.run)


class Recorder(Terminal):
    """Keeps what is said, to be shown by the process that has a terminal."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.said: Said = []

    def say(self, text: str) -> None:
        self.said.append(("say", text))

    def detail(self, text: str) -> None:
        self.said.append(("detail", text))

    def warn(self, text: str) -> None:
        self.said.append(("warn", text))

    @contextmanager
    def bar(self, label: str) -> Iterator[Callable[[str, int, int], None]]:
        yield lambda stage, done, planned: None


def describe(run: RunOptions) -> tuple[Record, Said]:
    """How this worker makes results, and what is to be said about it.

    Raises:
        ValueError: weights, bank or device cannot be used.
    """
    with ONE_AT_A_TIME:
        _, settings, said = _loaded(run)
    return settings.record, said


def process_job(run: RunOptions, job: Job) -> tuple[Outcome, Said]:
    """Process an image, unless a worker that died since has finished it already."""
    from batch.folder import one_after_the_other

    with ONE_AT_A_TIME, image_lock(job.output, job.name):
        if (job.folder / RESULT_FILE).exists():
            done = finished(job.path, job.folder, job.record)
            if done is not None:
                return Outcome.of(done, job.name), []
        detector, settings, _ = _loaded(run)
        terminal = Recorder()
        (outcome,) = one_after_the_other(detector, replace(settings, terminal=terminal), [job])
        return outcome, terminal.said


@lru_cache(maxsize=1)
def _loaded(run: RunOptions) -> tuple[Detector, FolderSettings, Said]:
    """The detector, loaded once for all images of a run."""
    from batch.settings import folder_settings, load_detector

    options, terminal = argparse.Namespace(**vars(run.options)), Recorder()
    options.max_memory = _memory(run) / GIB
    detector = load_detector(options)
    return detector, folder_settings(options, detector, terminal), terminal.said


def _memory(run: RunOptions) -> int:
    """Bytes that this worker may take."""
    if run.share is not None:
        return run.share
    if run.options.max_memory is not None:
        return int(run.options.max_memory * GIB)
    from distributed import get_worker

    limit = get_worker().memory_manager.memory_limit
    return min(available_memory(), limit or available_memory())
