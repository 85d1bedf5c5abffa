"""How many processors there are, and how OpenMP's threads wait for work.

Must not import torch or numpy: both read these settings when they are loaded.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

from slide.control_group import ROOT, group_folders

# How often a waiting thread of GNU's OpenMP looks for work before it sleeps. At 0 an adaptation
# takes 1.5 times as long; at 20,000 four runs at once on two cores do (experiments/LOG.md).
SPIN_COUNT = 3000


def use_processors(root: Path = ROOT) -> None:
    """Set how threads wait, and in a container how many there are, where the user has not.

    Waiting threads soon sleep instead of spinning, which takes processor time from other work. A
    container's quota of processor time limits the threads; without one OpenMP counts the processors
    itself.

    root: of the file system, for tests.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ.setdefault("GOMP_SPINCOUNT", str(SPIN_COUNT))
    quota = processor_quota(root)
    if quota is not None and quota < len(os.sched_getaffinity(0)):
        os.environ.setdefault("OMP_NUM_THREADS", str(quota))


def processor_quota(root: Path = ROOT) -> int | None:
    """Processors that this process's control group may use, rounded up; None without a quota.

    root: of the file system, for tests. Both versions of control groups are understood.
    """
    return min((math.ceil(quota) for quota in _quotas(root)), default=None)


def _quotas(root: Path) -> list[float]:
    """Processors by the quotas of this process's control group and of those above it."""
    found = []
    for version, folder in group_folders(root, "cpu"):
        if version == 2:
            found.append(_ratio((_text(folder / "cpu.max") or "max").split()))
        else:
            files = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            found.append(_ratio([_text(folder / name) or "" for name in files]))
    return [quota for quota in found if quota is not None]


def _ratio(numbers: list[str]) -> float | None:
    """Quota over period in µs; None where there is no quota ("max", -1) or nothing to read."""
    try:
        quota, period = map(int, numbers)
    except ValueError:
        return None
    return quota / period if quota > 0 and period > 0 else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None
