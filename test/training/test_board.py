"""TensorBoard reads what a run wrote, and of a resumed run each step once."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from training.board import board
from training.compute import SINGLE_PROCESS


def read(run: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(run / "tensorboard")).Reload()
    names = events.Tags()["scalars"]
    return {name: [(e.step, round(e.value, 3)) for e in events.Scalars(name)] for name in names}


def wait_for_the_next_second() -> None:
    """Files are read in the order of their names: the second, then a number as text."""
    now = int(time.time())
    while int(time.time()) == now:
        time.sleep(0.01)


def test_a_resumed_run_takes_back_the_steps_it_takes_again(tmp_path: Path) -> None:
    with board(tmp_path, 0, SINGLE_PROCESS) as write:
        for step in (1, 2, 3):
            write(step, {"mitosis_loss": step / 10, "validation_ap": 0.5})
    assert read(tmp_path)["mitosis_loss"] == [(1, 0.1), (2, 0.2), (3, 0.3)]
    wait_for_the_next_second()
    with board(tmp_path, 2, SINGLE_PROCESS) as write:
        write(3, {"mitosis_loss": 0.7})
    found = read(tmp_path)
    assert found["mitosis_loss"] == [(1, 0.1), (2, 0.2), (3, 0.7)]
    assert found["validation_ap"] == [(1, 0.5), (2, 0.5)]


def test_the_first_process_alone_writes(tmp_path: Path) -> None:
    with board(tmp_path, 0, dataclasses.replace(SINGLE_PROCESS, rank=1, world=2)) as write:
        write(1, {"mitosis_loss": 0.1})
    assert not any(tmp_path.iterdir())
