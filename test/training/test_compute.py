"""Processes that share a batch compute what one computes with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from test.training.midog_folder import TINY, Midog, rendered_midog

TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
TRAIN = ["-m", "training.train"]


@pytest.fixture(scope="module")
def midog(tmp_path_factory: pytest.TempPathFactory) -> Midog:
    made = rendered_midog(tmp_path_factory.mktemp("midog") / "data")
    made.preset.write_text(TINY.format(positives="candidates", steps="epochs = 1"))
    return made


@pytest.fixture(scope="module")
def whole(midog: Midog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted training by one process."""
    folder = tmp_path_factory.mktemp("whole")
    assert start([*TRAIN, *arguments(midog, folder)]).wait() == 0
    return folder / "run"


def arguments(midog: Midog, folder: Path) -> list[str]:
    return [*midog.options(folder.parent / "store"), "--output", str(folder / "run")]


def start(command: list[str]) -> subprocess.Popen[bytes]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, *command], env=environment, start_new_session=True)


def last_of(run: Path) -> list[dict[str, float]]:
    """The last step's numbers and the validation's."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        line.pop("patches_per_s", None)
    return lines[-2:]


def test_two_processes_reach_the_losses_of_one(midog: Midog, whole: Path, tmp_path: Path) -> None:
    assert start([*TORCHRUN, *TRAIN, *arguments(midog, tmp_path)]).wait() == 0
    losses = ("mitosis_loss", "scanner_loss"), ("validation_loss",)
    for names, two, one in zip(losses, last_of(tmp_path / "run"), last_of(whole), strict=True):
        for name in names:
            assert two[name] == pytest.approx(one[name], rel=1e-3), name
    assert json.loads((tmp_path / "run" / "run.json").read_text())["compute"]["processes"] == 2


def test_a_killed_training_goes_on_to_the_same_result(
    midog: Midog, whole: Path, tmp_path: Path
) -> None:
    """Killed without warning once a checkpoint is there."""
    killed = start([*TRAIN, *arguments(midog, tmp_path)])
    checkpoint = tmp_path / "run" / "checkpoint.pt"
    limit = time.monotonic() + 300
    while not checkpoint.exists() and killed.poll() is None and time.monotonic() < limit:
        time.sleep(0.002)
    os.killpg(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL, "it ended before it could be killed"
    assert checkpoint.exists() and not (tmp_path / "run" / "run.json").exists()
    assert start([*TRAIN, *arguments(midog, tmp_path)]).wait() == 0
    expected = load_file(whole / "network.safetensors")
    for name, value in load_file(tmp_path / "run" / "network.safetensors").items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)
    assert last_of(tmp_path / "run") == last_of(whole)
