"""A data folder of rendered tissue, and runs trained on it for two steps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from test.builders import write_data_folder
from training import train

TINY_PRESET = """
whole_fields = {fields}
[recipe]
steps = 2
warm_up = 1
averaging = 0.5
frozen_below = {cut}
hard_negatives = {hard}
[recipe.mixture]
size = 20
hard = 0.2
"""


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered tissue in the form of the real data."""
    return write_data_folder(tmp_path_factory.mktemp("data") / "data")


@pytest.fixture(scope="session")
def runs(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Finished runs by name: crops; fields, which continues from it; fold, without slide A01."""
    folder = tmp_path_factory.mktemp("runs")
    presets = {}
    for name, fields, cut, hard in (("crops", "false", 0, 0), ("fields", "true", 3, 5)):
        presets[name] = folder / f"{name}.toml"
        presets[name].write_text(TINY_PRESET.format(fields=fields, cut=cut, hard=hard))
    second_stage = ["--preset", str(presets["fields"]), "--start", str(folder / "crops")]
    for name, options in (
        ("crops", ["--preset", str(presets["crops"])]),
        ("fields", second_stage),
        ("fold", [*second_stage, "--leave-out", "A01"]),
    ):
        assert train.main([str(data), str(folder / name), *options]) == 0
    return {name: folder / name for name in ("crops", "fields", "fold")}


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the labelled tissue."""
    if "MITOSIS_DATA" not in os.environ:
        pytest.skip("MITOSIS_DATA is not set")
    return Path(os.environ["MITOSIS_DATA"])
