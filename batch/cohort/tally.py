"""How far a run is: images done, failed, running and waiting, and how many an hour."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass
class Tally:
    """Numbers of images.

    Attributes:
        planned: in all.
        clock: seconds, for tests.
        done: processed.
        failed: not processed, and not tried again.
        running: with a worker.
    """

    planned: int
    clock: Callable[[], float] = time.monotonic
    done: int = 0
    failed: int = 0
    running: int = 0
    _started: float = field(init=False)

    def __post_init__(self) -> None:
        self._started = self.clock()

    def count(self, ok: bool) -> None:
        """Take up an image that is done with."""
        self.done += ok
        self.failed += not ok

    @property
    def per_hour(self) -> float:
        """Images done with in an hour, at the mean pace until now."""
        return (self.done + self.failed) * 3600 / max(self.clock() - self._started, 1e-3)

    def numbers(self) -> dict[str, str]:
        """All of them by name, as shown."""
        left = self.planned - self.done - self.failed
        pace = self.per_hour
        return {
            "done": f"{self.done} of {self.planned}",
            "failed": str(self.failed),
            "running": str(self.running),
            "waiting": str(left - self.running),
            "per hour": f"{pace:.0f}" if pace else "-",
            "time left": str(timedelta(seconds=round(left * 3600 / pace))) if pace else "-",
        }
