"""How many steps fit into the time that is left, planned from the speed of those taken."""

from __future__ import annotations

import time


class Pace:
    """Watches the steps of an adaptation; begun when the first is about to be."""

    def __init__(self, deadline: float | None) -> None:
        """deadline: value of time.monotonic() at which the last step must have ended, or None."""
        self._deadline = deadline
        self._started = time.monotonic()

    def allows(self, taken: int) -> bool:
        """Whether another step will end in time, if it lasts as long as those taken did on average.

        The first one may begin as long as there is time at all.
        """
        if self._deadline is None:
            return True
        return time.monotonic() + self._mean(taken) <= self._deadline

    def planned(self, taken: int, wanted: int) -> int:
        """Steps that there will be in all: as many as are wanted, or as fit."""
        if self._deadline is None or self._mean(taken) == 0:
            return wanted
        left = max(self._deadline - time.monotonic(), 0.0)
        return min(wanted, taken + int(left / self._mean(taken)))

    def _mean(self, taken: int) -> float:
        return (time.monotonic() - self._started) / taken if taken else 0.0
