"""Presets: files in training/presets, each with a recipe and which data it is for."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

PRESETS = Path(__file__).parent / "presets"


def preset_names(folder: Path = PRESETS) -> list[str]:
    """Names of the presets of a folder."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def read_preset(name: str) -> dict[str, Any]:
    """A preset by name, or from a .toml file of the same form."""
    path = Path(name) if name.endswith(".toml") else PRESETS / f"{name}.toml"
    return tomllib.loads(path.read_text())
