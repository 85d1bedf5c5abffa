"""How many processors a process may use, in and outside a container."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from batch.options import ROOT
from batch.processors import processor_quota

MANY = len(os.sched_getaffinity(0)) > 1


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
        ("0::/a\n", {"cpu.max": "10000000 100000\n"}, 100),
        ("0::/\n", {"cpu.max": "110000 100000\n"}, 2),
        ("0::/a\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/a\n", {"cpu.max": "nonsense"}, None),
        ("0::/a\n", {}, None),
        (
            "4:cpu,cpuacct:/docker/x\n3:memory:/docker/x\n",
            {"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"},
            1,
        ),
        (
            "4:cpu,cpuacct:/\n",
            {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
            None,
        ),
    ],
)
def test_quota(tmp_path: Path, cgroup: str, files: dict[str, str], expected: int | None) -> None:
    assert processor_quota(root_with(tmp_path, cgroup, files)) == expected


def test_no_control_groups(tmp_path: Path) -> None:
    assert processor_quota(tmp_path) is None


SET = """
import json, os, sys
from pathlib import Path
from batch.processors import use_processors
use_processors(Path(sys.argv[1]))
names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_NUM_THREADS")
loaded = [name in sys.modules for name in ("torch", "numpy")]
print(json.dumps([os.environ.get(name) for name in names] + loaded))
"""


@pytest.mark.parametrize(
    ("quota", "environment", "expected"),
    [
        ("100000 100000", {}, ["PASSIVE", "3000", "1" if MANY else None]),
        ("max 100000", {}, ["PASSIVE", "3000", None]),
        ("99999999 100000", {}, ["PASSIVE", "3000", None]),
        ("1 1", {"OMP_WAIT_POLICY": "active", "OMP_NUM_THREADS": "7"}, ["active", None, "7"]),
    ],
)
def test_threads(
    tmp_path: Path, quota: str, environment: dict[str, str], expected: list[str | None]
) -> None:
    """Set before torch and numpy, which read it once, are loaded; what the user has set is kept."""
    root = root_with(tmp_path, "0::/\n", {"cpu.max": f"{quota}\n"})
    clean = {
        k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))
    } | environment
    command = [sys.executable, "-c", SET, str(root)]
    done = subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, check=True)
    assert json.loads(done.stdout) == [*expected, False, False]
