"""Symbolic links must not lead out of the input and output folders."""

from __future__ import annotations

import os
from pathlib import Path


def leads_out(path: Path, folder: Path) -> bool:
    """Whether links lead from a path to a place outside a folder, which may be a link itself."""
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def relative_place(path: Path, folder: Path) -> str:
    """Where a file lies, relative to a folder.

    A relative place stays right when input and output move together, and does not reveal the names
    of the folders above them, which may be a person's.
    """
    return os.path.relpath(path.resolve(), folder.resolve())
