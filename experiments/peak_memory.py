"""The peak of the resident memory of this process, and of a program that is started.

Linux counts what a process holds towards the peak of those that it starts, so a large one cannot
measure a small one. A small Python process is started between the two.
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
    with tempfile.NamedTemporaryFile("r") as report:
        between = [sys.executable, "-S", "-c", BETWEEN, report.name, *command]
        done = subprocess.run(between, cwd=folder, capture_output=True, text=True)
        return Ended(done.returncode, int(report.read() or 0), done.stdout, done.stderr)


def forget_peak() -> None:
    """Let the kernel count the peak of this process's memory from now on."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def own_peak() -> int | None:
    """Peak of this process's memory in bytes; None where the kernel does not report it."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    peaks = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
    return peaks[0] if peaks else None
