"""Ends the process in order when the platform stops it."""

from __future__ import annotations

import signal
import sys


def exit_on_sigterm() -> None:
    """End on SIGTERM as on Ctrl-C: unfinished files are removed, complete ones stay."""

    def stop(number: int, _frame: object) -> None:
        print("error: stopped by SIGTERM; finished images are complete", file=sys.stderr)
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, stop)
