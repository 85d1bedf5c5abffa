"""Hands out the images of a run to the workers of a cluster, and takes up their outcomes."""

from __future__ import annotations

import argparse
import time
import uuid
from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from batch.cohort.cluster import ClusterError, connected, dashboard
from batch.cohort.queue import TRIES, Queue
from batch.cohort.tally import Tally
from batch.cohort.task import RunOptions, Said, describe, process_job
from batch.documents import Record
from batch.folder import FolderSettings, process_images
from batch.image_run import Job, fail_image
from batch.outcome import Outcome
from batch.settings import settings_without_detector
from batch.terminal import Terminal, shown
from slide.memory import GIB, available_memory

if TYPE_CHECKING:
    from distributed import Client, Future

    Work = Future[tuple[Outcome, Said]]

PATIENCE_S = 120  # without any worker
POLL_S = 0.5
DIED = (
    f"its worker died {TRIES} times, perhaps for lack of memory: process it alone, without "
    "--workers"
)
AGAIN = "run again with --resume for the rest"


def process_cohort(options: argparse.Namespace, terminal: Terminal) -> list[str]:
    """Process the images of these options, several at the same time: see `process_images`.

    Raises:
        ClusterError: there is no cluster, or it is gone; finished images are complete.
        ValueError: weights, bank or device cannot be used.
    """
    run = RunOptions(uuid.uuid4().hex, _absolute(options), _share(options))
    gpus = options.device != "cpu"
    with connected(options.workers, options.scheduler, gpus) as client:
        terminal.say(f"{len(client.nthreads())} workers, {_dashboard(client)}")
        record = _described(client, run, terminal)
        settings = settings_without_detector(options, record, terminal)
        return process_images(settings, partial(_hand_out, client, run))


def _dashboard(client: Client) -> str:
    address = dashboard(client)
    return f"dashboard: {address}" if address else "no dashboard"


def _absolute(options: argparse.Namespace) -> argparse.Namespace:
    """The options as a process with another working directory understands them."""
    values = vars(options).items()
    return argparse.Namespace(
        **{name: value.absolute() if isinstance(value, Path) else value for name, value in values}
    )


def _share(options: argparse.Namespace) -> int | None:
    """Bytes of memory for each worker on this machine; None for those of another cluster."""
    if options.scheduler is not None:
        return None
    stated = options.max_memory
    limit = available_memory() if stated is None else int(stated * GIB)
    return limit // (options.workers or 1)


def _described(client: Client, run: RunOptions, terminal: Terminal) -> Record:
    """How the workers make results."""
    from distributed import KilledWorker

    try:
        record, said = client.submit(describe, run, pure=False).result()
    except (ImportError, KilledWorker) as error:
        raise ClusterError(
            f"a worker cannot run this program ({error}): start the workers in its folder, with "
            "its requirements"
        ) from error
    _show(terminal, said)
    return record


def _show(terminal: Terminal, said: Said) -> None:
    for method, line in said:
        getattr(terminal, method)(line)


def _hand_out(
    client: Client, run: RunOptions, settings: FolderSettings, jobs: Sequence[Job]
) -> Generator[Outcome, None, None]:
    """Process the images; the outcome of each as soon as there is one."""
    crew, tally = _Crew(client, run, Queue(jobs)), Tally(len(jobs))
    with settings.terminal.board() as show:
        try:
            while crew.busy():
                for outcome, said in crew.done():
                    tally.count(outcome.entry.status == "ok")
                    _show(settings.terminal, said)
                    yield outcome
                tally.running = crew.running
                show(tally.numbers())
        finally:
            crew.stop()
    if jobs:
        settings.terminal.say(f"{tally.per_hour:.0f} images per hour")


class _Crew:
    """The workers of a cluster, each of them with one image at most."""

    def __init__(self, client: Client, run: RunOptions, queue: Queue) -> None:
        self._client, self._run, self._queue = client, run, queue
        self._at_work: dict[Work, Job] = {}
        self._seen = time.monotonic()  # a worker

    @property
    def running(self) -> int:
        """How many images are with a worker."""
        return len(self._at_work)

    def busy(self) -> bool:
        """Give each idle worker an image; whether any image is not done.

        Raises:
            ClusterError: the cluster is gone.
        """
        while self.running < self._workers() and (job := self._queue.take()) is not None:
            future = self._client.submit(process_job, self._run, job, pure=False)
            self._at_work[future] = job
        return bool(self._at_work or self._queue)

    def done(self) -> list[tuple[Outcome, Said]]:
        """What was done with images meanwhile, after a short wait."""
        from distributed import wait

        if not self._at_work:
            time.sleep(POLL_S)
            return []
        try:
            ended = wait(list(self._at_work), POLL_S, "FIRST_COMPLETED").done
        except TimeoutError:
            return []
        except Exception as error:
            raise self._gone() from error
        outcomes = [self._outcome(future, self._at_work.pop(future)) for future in ended]
        return [outcome for outcome in outcomes if outcome is not None]

    def stop(self) -> None:
        """Begin no further image."""
        self._client.cancel(list(self._at_work), force=True)

    def _outcome(self, future: Work, job: Job) -> tuple[Outcome, Said] | None:
        """What was done with an image; None where it is tried again."""
        from distributed import KilledWorker

        if future.status == "cancelled":
            raise self._gone()
        error = future.exception()
        if error is None:
            self._queue.done(job)
            return future.result()
        if not isinstance(error, KilledWorker):
            self._queue.done(job)
            return _failed(job, f"{type(error).__name__}: {error}")
        given_up = self._queue.worker_died(job, error.allowed_failures + 1)
        return _failed(job, DIED) if given_up else None

    def _workers(self) -> int:
        """How many there are; waits for none for a while only."""
        try:
            count = len(self._client.nthreads())
        except Exception as error:
            raise self._gone() from error
        now = time.monotonic()
        if count:
            self._seen = now
        elif now - self._seen > PATIENCE_S:
            raise ClusterError(f"no workers are left: {AGAIN}")
        return count

    def _gone(self) -> ClusterError:
        return ClusterError(
            f"the connection to the Dask scheduler was lost; finished images are complete: {AGAIN}"
        )


def _failed(job: Job, reason: str) -> tuple[Outcome, Said]:
    line = shown(" ".join(reason.split()))[:300]
    return Outcome.of(fail_image(job, line), job.name), []
