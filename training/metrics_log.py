"""The numbers of a training: `metrics.jsonl`, TensorBoard and the progress bar."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import torch
from tqdm import tqdm

from training.board import WriteScalars, board
from training.compute import Compute
from training.recipe import Recipe

METRICS_FILE = "metrics.jsonl"
LOG_EVERY = 25  # steps


class MetricsLog:
    """Collects the numbers of steps and validations; the first process writes them."""

    def __init__(
        self, file: TextIO, scalars: WriteScalars, progress: tqdm, recipe: Recipe, compute: Compute
    ) -> None:
        self._file = file
        self._scalars = scalars
        self._progress = progress
        self._recipe = recipe
        self._compute = compute
        self._started, self._counted = time.perf_counter(), 0

    def start_clock(self, step: int) -> None:
        """Measure patches per second from here on, after this many steps."""
        self._started, self._counted = time.perf_counter(), step

    def add_step(self, step: int, losses: Mapping[str, torch.Tensor]) -> None:
        """Count a finished step; write a line every LOG_EVERY steps and after the last one."""
        self._progress.update()
        if step % LOG_EVERY and step != self._recipe.steps:
            return
        values = self._compute.mean(losses)
        patches = (step - self._counted) * self._recipe.mixture.size
        rate = patches / (time.perf_counter() - self._started)
        self.start_clock(step)
        self.write(step, {**values, "patches_per_s": rate})
        self._progress.set_postfix({name: f"{value:.3f}" for name, value in values.items()})

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write the numbers of a step."""
        self._file.write(json.dumps({"step": step, **values}) + "\n")
        self._file.flush()
        self._scalars(step, values)


@contextmanager
def metrics_log(run: Path, first: int, recipe: Recipe, compute: Compute) -> Iterator[MetricsLog]:
    """The log of a run that continues after `first` steps."""
    path = run / METRICS_FILE if compute.first else Path(os.devnull)
    if compute.first:
        drop_lines_after(path, first)
    with (
        tqdm(
            total=recipe.steps, initial=first, desc=run.name, mininterval=5,
            disable=not compute.first,
        ) as progress,
        path.open("a") as file,
        board(run, first, compute) as scalars,
    ):  # fmt: skip
        yield MetricsLog(file, scalars, progress, recipe, compute)


def drop_lines_after(path: Path, step: int) -> None:
    """Drop the lines of steps that an interrupted training took after its last checkpoint.

    Those steps are repeated. An incomplete line belongs to such a step too.
    """
    if not path.exists():
        return
    lines = path.read_text().splitlines(keepends=True)
    complete = [line for line in lines if line.endswith("\n")]
    path.write_text("".join(line for line in complete if json.loads(line)["step"] <= step))
