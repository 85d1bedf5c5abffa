"""The metrics of a run for TensorBoard, in `run/tensorboard`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from training.compute import Compute

WriteScalars = Callable[[int, Mapping[str, float]], None]


@contextmanager
def board(run: Path, first: int, compute: Compute) -> Iterator[WriteScalars]:
    """A function that writes the numbers of a step; only the first process writes.

    Args:
        run: folder of the run.
        first: number of steps already taken; what an earlier attempt wrote after them is dropped.
        compute: the processes.
    """
    if not compute.first:
        yield lambda step, values: None
        return
    with SummaryWriter(str(run / "tensorboard"), purge_step=first + 1) as writer:

        def write(step: int, values: Mapping[str, float]) -> None:
            for name, value in values.items():
                writer.add_scalar(name, value, step)

        yield write
