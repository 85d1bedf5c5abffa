"""Memory: limits of both kinds of control groups, and what a budget refuses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from slide.memory import GIB, SHARE, MemoryBudget, available_memory

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
NO_LIMIT = 9223372036854771712  # what version 1 says where there is none


def group(root: Path, line: str, **limits: str) -> Path:
    """A file system of a control group: its line, and limits by their path under sys/fs/cgroup."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(f"9:cpu,cpuacct:/a\n{line}\n")
    for path, content in limits.items():
        file = root / "sys/fs/cgroup" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{content}\n")
    return root


@pytest.mark.parametrize(
    ("line", "limits", "expected"),
    [
        ("0::/", {"memory.max": "1000000"}, 1000000),
        ("0::/", {"memory.max": "max"}, MACHINE),
        ("0::/", {}, MACHINE),
        ("0::/a/b", {"a/b/memory.max": "max", "a/memory.max": "5000", "memory.max": "9000"}, 5000),
        ("0::/a/b", {"a/b/memory.max": "4000", "a/memory.max": "5000"}, 4000),
        ("0::/host/only", {"memory.max": "7000"}, 7000),
        ("4:memory:/a", {"memory/a/memory.limit_in_bytes": "3000"}, 3000),
        ("4:memory:/docker/1f", {"memory/memory.limit_in_bytes": "2000"}, 2000),
        ("4:memory:/", {"memory/memory.limit_in_bytes": str(NO_LIMIT)}, MACHINE),
        ("4:cpuset,memory:/", {"memory/memory.limit_in_bytes": "6000"}, 6000),
        ("4:memory:/", {"memory/memory.limit_in_bytes": "no number"}, MACHINE),
    ],
)
def test_the_smallest_limit_of_a_group_and_those_above_it(
    tmp_path: Path, line: str, limits: dict[str, str], expected: int
) -> None:
    assert available_memory(group(tmp_path, line, **limits)) == int(expected * SHARE)


def test_without_control_groups_it_is_the_machine_s(tmp_path: Path) -> None:
    assert available_memory(tmp_path) == int(MACHINE * SHARE)
    assert 0 < available_memory() <= int(MACHINE * SHARE)


def test_a_budget_holds_in_each_stage() -> None:
    budget = MemoryBudget(4 * GIB, resting=GIB, working=2 * GIB, detecting=1)
    assert budget.refusal(3 * GIB, 2 * GIB) is None
    assert budget.refusal(3 * GIB + 1, 0) == "4.0 GiB of memory are needed, 4.0 allowed"
    assert budget.refusal(0, 3 * GIB) == "5.0 GiB of memory are needed, 4.0 allowed"
