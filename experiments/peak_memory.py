"""The peak of a program's resident memory.

Linux counts what a process holds to the peak of those that it starts, so that a large one cannot
measure a small one. A little Python stands between the two.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

BETWEEN = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[2:]).returncode
with open(sys.argv[1], "w") as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024))
sys.exit(status if status >= 0 else 128 - status)
"""


class Ended(NamedTuple):
    """Exit status (128 + number for a signal), peak in bytes, and what it wrote."""

    status: int
    peak: int
    stdout: str
    stderr: str


def run(command: Sequence[str], folder: Path) -> Ended:
    """Run a program in a folder to its end."""
    with tempfile.NamedTemporaryFile("r") as told:
        between = [sys.executable, "-S", "-c", BETWEEN, told.name, *command]
        done = subprocess.run(between, cwd=folder, capture_output=True, text=True)
        return Ended(done.returncode, int(told.read() or 0), done.stdout, done.stderr)
