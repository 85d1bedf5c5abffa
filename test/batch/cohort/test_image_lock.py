"""One worker at a time for an image, and a dead one holds nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from batch.cohort.image_lock import image_lock
from batch.lock import IMAGE_LOCKS, locked
from batch.options import ROOT

HOLD = """\
import sys, pathlib
from batch.cohort.image_lock import image_lock
with image_lock(pathlib.Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(output: Path, name: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLD, str(output), name]
    return subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_the_second_waits_until_the_first_is_killed(tmp_path: Path) -> None:
    first = holder(tmp_path, "a")
    assert line(first) == "held\n"
    with image_lock(tmp_path, "b"):
        pass  # another image is free
    second = holder(tmp_path, "a")
    try:
        second.communicate(timeout=0.5)
        raise AssertionError("held twice")
    except subprocess.TimeoutExpired:
        first.kill()
        first.communicate()
    assert second.wait(60) == 0


def test_the_file_of_locks_goes_with_the_run_unless_it_fails(tmp_path: Path) -> None:
    try:
        with locked(tmp_path), image_lock(tmp_path, "a"):
            raise OSError("the scheduler is gone")
    except OSError:
        assert [path.name for path in tmp_path.iterdir()] == [IMAGE_LOCKS]
    with locked(tmp_path), image_lock(tmp_path, "a"):
        pass
    assert list(tmp_path.iterdir()) == []
