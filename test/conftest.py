"""Distribution of tests over the processes that `./test.sh` starts (pytest-xdist, loadgroup)."""

from __future__ import annotations

from pathlib import Path

import pytest

CONTAINER = Path(__file__).parent / "container"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file in one process for its fixtures, and all container tests for their images."""
    for item in items:
        group = CONTAINER if item.path.is_relative_to(CONTAINER) else item.path
        item.add_marker(pytest.mark.xdist_group(str(group)))
