"""Which image is next. One whose worker died is tried again at the end, but not forever.

So an image that kills its workers takes three of them, the last two when nothing else waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from batch.image_run import Job

TRIES = 3


class Queue:
    """The images of a run that are not done."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        """All wait, in their order."""
        self._fresh = deque(jobs)
        self._suspects: deque[Job] = deque()
        self._deaths: dict[str, int] = {}  # of workers, by the name of the image
        self._tried: str | None = None  # the suspect that is at work

    def __len__(self) -> int:
        """How many wait."""
        return len(self._fresh) + len(self._suspects)

    def take(self) -> Job | None:
        """The next image; None where none waits, or only suspects, of which one is at work."""
        if self._fresh:
            return self._fresh.popleft()
        if self._tried is not None or not self._suspects:
            return None
        job = self._suspects.popleft()
        self._tried = job.name
        return job

    def done(self, job: Job) -> None:
        """The image needs no worker any more."""
        if self._tried == job.name:
            self._tried = None

    def worker_died(self, job: Job, deaths: int = 1) -> bool:
        """Put an image back whose workers died; whether it is given up instead."""
        self.done(job)
        self._deaths[job.name] = self._deaths.get(job.name, 0) + deaths
        if self._deaths[job.name] >= TRIES:
            return True
        self._suspects.append(replace(job, resume=True))  # a slide continues at its tile
        return False
