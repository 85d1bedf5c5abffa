"""How many processors a process may use, in and outside a container."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from batch.options import ROOT
from batch.processors import available_processors

ALL = len(os.sched_getaffinity(0))


def root_with(tmp_path: Path, cgroup: str, files: dict[str, str]) -> Path:
    """A file system whose control groups have these files."""
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text(cgroup)
    for name, content in files.items():
        path = tmp_path / "sys" / "fs" / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path


@pytest.mark.parametrize(
    ("cgroup", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "100000 100000\n"}, 1),
        ("0::/a/b\n", {"a/cpu.max": "50000 100000\n", "a/b/cpu.max": "max 100000\n"}, 1),
        ("0::/a\n", {"cpu.max": "10000000 100000\n"}, ALL),
        ("0::/a\n", {"cpu.max": "max 100000\n"}, ALL),
        ("0::/a\n", {"cpu.max": "nonsense"}, ALL),
        ("0::/a\n", {}, ALL),
        (
            "4:cpu,cpuacct:/docker/x\n3:memory:/docker/x\n",
            {"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"},
            1,
        ),
        (
            "4:cpu,cpuacct:/\n",
            {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
            ALL,
        ),
    ],
)
def test_quota(tmp_path: Path, cgroup: str, files: dict[str, str], expected: int) -> None:
    assert available_processors(root_with(tmp_path, cgroup, files)) == expected


def test_a_quota_is_rounded_up(tmp_path: Path) -> None:
    root = root_with(tmp_path, "0::/\n", {"cpu.max": "110000 100000\n"})
    assert available_processors(root) == min(2, ALL)


def test_no_control_groups(tmp_path: Path) -> None:
    assert available_processors(tmp_path) == ALL


SET = """
import json, os, sys
from batch.processors import use_processors
use_processors()
names = ("OMP_WAIT_POLICY", "OMP_NUM_THREADS")
loaded = [name in sys.modules for name in ("torch", "numpy")]
print(json.dumps([os.environ.get(name) for name in names] + loaded))
"""


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ["PASSIVE", str(available_processors())]),
        ({"OMP_WAIT_POLICY": "active", "OMP_NUM_THREADS": "7"}, ["active", "7"]),
    ],
)
def test_what_the_user_has_set_is_kept(environment: dict[str, str], expected: list[str]) -> None:
    """And neither torch nor numpy, which read it once, is loaded before it is set."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("OMP_")} | environment
    done = subprocess.run(
        [sys.executable, "-c", SET], cwd=ROOT, env=clean, capture_output=True, check=True
    )
    assert json.loads(done.stdout) == [*expected, False, False]
