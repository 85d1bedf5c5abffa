"""Which GPU a worker takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch.cohort.preparation import gpu_of, visible_gpus


def test_gpus_are_shared_out_by_number() -> None:
    assert [gpu_of(str(worker), ["0", "1"]) for worker in range(4)] == ["0", "1", "0", "1"]
    assert gpu_of("SLURMCluster-3", ["a", "b", "c"]) == "a"
    assert gpu_of("1", ["0"]) is None and gpu_of("worker", ["0", "1"]) is None


def test_gpus_that_are_visible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for name in ("nvidia0", "nvidia3", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert visible_gpus(tmp_path) == ["0", "1"], "CUDA counts those of the container"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert visible_gpus(tmp_path) == ["2", "5"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert visible_gpus(tmp_path) == []
