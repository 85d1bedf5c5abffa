"""The metrics of a run for TensorBoard, in `run/tensorboard`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from training.compute import Compute


@contextmanager
def board(
    run: Path, first: int, compute: Compute
) -> Iterator[Callable[[int, Mapping[str, float]], None]]:
    """Gives a function that writes the numbers of a step; the first process alone writes.

    first: the step a resumed training goes on from; what an earlier attempt wrote after it is
    taken back.
    """
    if not compute.first:
        yield lambda step, values: None
        return
    with SummaryWriter(str(run / "tensorboard"), purge_step=first + 1) as writer:

        def write(step: int, values: Mapping[str, float]) -> None:
            for name, value in values.items():
                writer.add_scalar(name, value, step)

        yield write
