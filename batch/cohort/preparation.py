"""Prepares each worker process, before a task has it import torch."""

from __future__ import annotations

import os
import re
from pathlib import Path

from distributed import Worker, WorkerPlugin

from batch.processors import use_processors


class Preparation(WorkerPlugin):
    """One thread in each process unless the user states another number, and one GPU of several."""

    name = "mitosis-detection"

    def __init__(self, gpus: bool) -> None:
        """gpus: whether to use them."""
        self.gpus = gpus

    def setup(self, worker: Worker) -> None:
        """Set the environment of the process."""
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        use_processors()
        if self.gpus and (gpu := gpu_of(str(worker.name), visible_gpus())) is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = gpu


def visible_gpus(devices: Path = Path("/dev")) -> list[str]:
    """Names of this machine's NVIDIA GPUs, as in CUDA_VISIBLE_DEVICES.

    devices: folder of the device files, for tests.
    """
    stated = os.environ.get("CUDA_VISIBLE_DEVICES")
    if stated is not None:
        return [name for name in stated.split(",") if name]
    count = sum(path.name.removeprefix("nvidia").isdigit() for path in devices.glob("nvidia*"))
    return [str(number) for number in range(count)]


def gpu_of(worker: str, gpus: list[str]) -> str | None:
    """The GPU of a worker by the number at the end of its name; None to leave all to it."""
    number = re.search(r"\d+$", worker)
    if len(gpus) < 2 or number is None:
        return None
    return gpus[int(number[0]) % len(gpus)]
