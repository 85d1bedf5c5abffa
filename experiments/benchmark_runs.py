"""The benchmark's runs of whole programs: an image, the start-up, and four runs at once."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from batch.options import ROOT
from experiments import peak_memory
from experiments.benchmark_scene import MPP, Size
from experiments.benchmark_stages import ratio

AT_ONCE = 4  # runs
# process.py up to its first image: weights and bank are loaded, the image is in memory. The end of
# a process counts for neither side: with torch it takes another 0.3 s.
START_UP = """
import os, runpy, sys
from batch.read_ahead import ReadAhead
take = ReadAhead.take
def take_and_end(*arguments):
    take(*arguments)
    os._exit(0)
ReadAhead.take = take_and_end
sys.argv[0] = "process.py"
runpy.run_path("process.py", run_name="__main__")
"""
IMPORT_TORCH = "import os, torch; os._exit(0)"


def measure_whole(options: argparse.Namespace, pixels: np.ndarray) -> dict[str, Any]:
    """The image by `process.py` with its defaults, in a separate process.

    Raises:
        OSError: it failed.
    """
    with image_folder(pixels) as folder:
        command = process_command(options, folder, "out")
        started = time.perf_counter()
        done = peak_memory.run(command, ROOT)
        seconds = time.perf_counter() - started
        if done.status != 0:
            raise OSError(f"process.py failed: {done.stderr.strip()}")
        result = json.loads((folder / "out" / "result.json").read_text())
    return {
        "seconds": round(seconds, 2),
        "peak_bytes": done.peak,
        "stages": result["seconds"],
        "candidates": result["candidates"],
        "adaptation_steps": result["adaptation"]["steps"],
    }


def measure_startup(
    options: argparse.Namespace, pixels: np.ndarray, repeats: int
) -> dict[str, Any]:
    """The fastest start-up until model and image are in memory, beside `import torch`'s.

    Python keeps what it compiles, as in an installation.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with image_folder(pixels) as folder:
        words = process_command(options, folder, "out")[2:]
        start = [sys.executable, "-c", START_UP, *words]
        torch = [sys.executable, "-c", IMPORT_TORCH]
        pairs = [(_timed(torch, environment), _timed(start, environment)) for _ in range(repeats)]
    of_torch, seconds = (min(times) for times in zip(*pairs, strict=True))
    return {
        "ratio": ratio(seconds, of_torch),
        "seconds": round(seconds, 2),
        "import_torch_seconds": round(of_torch, 2),
    }


def measure_four_at_once(
    options: argparse.Namespace, pixels: np.ndarray, size: Size
) -> dict[str, Any]:
    """Four runs of `process.py` on a field side by side, beside one after the other."""
    with image_folder(pixels[: size.field, : size.field]) as folder:
        commands = [process_command(options, folder, f"out{run}") for run in range(AT_ONCE)]
        in_turn = _seconds(lambda: [_timed(command) for command in commands])
        at_once = _seconds(lambda: _together(commands))
    return {
        "ratio": ratio(at_once, in_turn),
        "seconds": round(at_once, 2),
        "in_turn_seconds": round(in_turn, 2),
        "runs": AT_ONCE,
    }


@contextmanager
def image_folder(pixels: np.ndarray) -> Iterator[Path]:
    """A folder whose folder `in` holds an image (height, width, 3) uint8 RGB."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "in")
        source.mkdir()
        tifffile.imwrite(
            source / "image.tif", pixels, photometric="rgb", resolution=(1e4 / MPP, 1e4 / MPP),
            resolutionunit="CENTIMETER",
        )  # fmt: skip
        yield Path(folder)


def process_command(options: argparse.Namespace, folder: Path, output: str) -> list[str]:
    """`process.py` on a folder of image_folder, with its defaults."""
    places = ["--input", folder / "in", "--output", folder / output, "--device", options.device]
    places += ["--weights", options.weights, "--source-bank", options.source_bank]
    return [sys.executable, str(ROOT / "process.py"), *map(str, places), "--quiet"]


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _timed(command: Sequence[str], environment: Mapping[str, str] | None = None) -> float:
    """Seconds that a program runs, in this process's environment or another."""
    return _seconds(
        lambda: subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    )


def _together(commands: Sequence[Sequence[str]]) -> None:
    """Run programs side by side."""
    runs = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for command in commands
    ]
    statuses = [run.wait() for run in runs]
    if any(statuses):
        raise OSError("process.py failed beside others")
