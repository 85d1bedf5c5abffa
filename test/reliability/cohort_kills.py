"""SIGKILL of a worker, the client or the scheduler of a cohort.

Nothing that is finished is lost or done again, and in the end, with --resume where client or
scheduler were killed, the files are those of a run without workers. Everything found wrong is an
AssertionError.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from batch.layout import SUMMARY_FILE
from test.reliability.kills import ROOT, _compare, check_finished, write_images

KINDS = ("worker", "client", "scheduler")
OPTIONS = ("--adaptation", "none")
WORKER_BYTES = 150 << 20  # a process that has loaded torch has more
DEADLINE_S = 300.0
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}


class Cohort:
    """A folder of images, and the results of a run without workers to compare with."""

    def __init__(self, folder: Path, images: int, options: Sequence[str] = OPTIONS) -> None:
        """Write the images into an empty folder, and process them."""
        self.folder = folder
        write_images(folder / "in", images)
        self._command = [sys.executable, "process.py", "--input", str(folder / "in"), *options]
        assert self.run(folder / "reference").wait(DEADLINE_S) == 0

    def run(self, output: Path, *options: str) -> subprocess.Popen[bytes]:
        """Start process.py."""
        command = [*self._command, "--output", str(output), *options]
        return subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.DEVNULL)

    def check(self, output: Path) -> None:
        """The results are those of the run without workers, without any other file."""
        _compare(output, self.folder / "reference")

    def kill(self, kind: str, output: Path, moment: float) -> None:
        """Kill one process of a run with two workers, some seconds after its first image.

        Raises:
            AssertionError: something was lost, doubled, or left behind.
        """
        if kind == "scheduler":
            with cluster(2) as (scheduler, address):
                run = self.run(output, "--scheduler", address)
                _after_first(run, output, moment)
                scheduler.kill()
                assert run.wait(DEADLINE_S) in (0, 2)
        else:
            run = self.run(output, "--workers", "2")
            _after_first(run, output, moment)
            children = _below(run)
            if kind == "client":
                run.kill()
                run.wait()
                _, alive = psutil.wait_procs(children, timeout=60)
                assert not alive, "workers outlive the client"
            else:
                _kill_one(children)
                assert run.wait(DEADLINE_S) == 0, "the run fails with its worker"
        if kind != "worker":
            before = check_finished(output)
            assert self.run(output, "--resume").wait(DEADLINE_S) == 0
            assert before.items() <= check_finished(output).items(), "lost or done again"
        self.check(output)


@contextmanager
def cluster(workers: int) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A scheduler in a process of its own, and workers; the process and its address."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scheduler.json"
        place = ["--host", "127.0.0.1"]
        scheduler = _dask(
            "scheduler", *place, "--port", "0", "--no-dashboard", "--scheduler-file", str(file)
        )
        wait_until(lambda: file.exists() and bool(file.read_text().strip()))
        address = json.loads(file.read_text())["address"]
        flags = ["--nworkers", str(workers), "--nthreads", "1", "--no-dashboard"]
        crew = _dask("worker", address, *place, *flags, "--death-timeout", "20")
        try:
            yield scheduler, address
        finally:
            for process in (*_below(crew), scheduler, crew):
                process.kill()
            for own in (scheduler, crew):
                own.wait()


def _dask(*words: str) -> subprocess.Popen[bytes]:
    command, quiet = [sys.executable, "-m", "dask", *words], subprocess.DEVNULL
    return subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=quiet, stderr=quiet)


def _below(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The processes that it has started, and theirs."""
    running = process.poll() is None
    return list(psutil.Process(process.pid).children(recursive=True)) if running else []


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until a call returns true.

    Raises:
        AssertionError: it takes minutes.
    """
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, "nothing happens"
        time.sleep(0.02)


def _after_first(run: subprocess.Popen[bytes], output: Path, moment: float) -> None:
    """Wait for the first image that is done, and then for a moment."""

    def begun() -> bool:
        summary = output / SUMMARY_FILE
        return run.poll() is not None or (
            summary.exists() and bool(json.loads(summary.read_text())["images"])
        )

    wait_until(begun)
    time.sleep(moment)


def _kill_one(children: list[psutil.Process]) -> None:
    """Kill one of the processes that detect."""
    for child in children:
        try:
            if child.memory_info().rss > WORKER_BYTES:
                child.kill()
                return
        except psutil.NoSuchProcess:
            continue


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20, help="kills [%(default)s]")
    parser.add_argument("--images", type=int, default=8, help="in the folder [%(default)s]")
    parser.add_argument("--seed", type=int, default=0, help="of the moments [%(default)s]")
    options = parser.parse_args(arguments)
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        cohort = Cohort(Path(folder), options.images)
        for number in range(options.times):
            kind, moment = KINDS[number % len(KINDS)], moments.uniform(0, 3)
            cohort.kill(kind, Path(folder) / str(number), moment)
            print(f"{number + 1} of {options.times}, {kind} at {moment:.1f} s: nothing lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())
