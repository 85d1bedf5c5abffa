"""Seconds of each stage of an image, and the time that its budget leaves for adaptation."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

# Time kept for what follows adaptation: a multiple of the first classification, because the guard
# and the adapted network classify the candidates again, and seconds for writing the result.
CLASSIFICATION_RESERVE = 2.5
WRITING_RESERVE = 2.0


class Clock:
    """Times the stages of one image."""

    def __init__(self, budget: float | None = None, started: float | None = None) -> None:
        """Start the clock.

        Args:
            budget: seconds for the image; None for no limit.
            started: value of time.monotonic() at the start of its reading; now if None.
        """
        self._budget = budget
        self._started = time.monotonic() if started is None else started
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Record how long the block takes."""
        started = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - started, 3)

    def deadline(self) -> float | None:
        """Value of time.monotonic() at which adaptation must have ended; None for no limit."""
        if self._budget is None:
            return None
        reserve = CLASSIFICATION_RESERVE * self.seconds.get("classification", 0.0)
        return self._started + self._budget - reserve - WRITING_RESERVE
