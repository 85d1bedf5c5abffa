"""Paths that the tests of reading share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def tiff(tmp_path: Path) -> Path:
    return tmp_path / "image.tif"
