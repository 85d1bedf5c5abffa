"""Imports go downward: the product never reaches experiments/ or training/."""

from __future__ import annotations

from pathlib import Path

import pytest

from test.test_requirements import ROOT, imported, sources

# What each part of the product may import of the project's own packages.
MAY_IMPORT = {
    "slide": {"slide"},
    "model": {"model", "slide"},
    "batch": {"batch", "model", "slide"},
    "report": {"report", "batch", "model", "slide"},
    "evaluation": {"evaluation", "batch", "model", "slide"},
    "process.py": {"batch", "model", "slide", "report", "evaluation"},
    "serve.py": {"process", "batch", "model", "slide"},
}
OWN = set().union(*MAY_IMPORT.values()) | {"serve", "training", "experiments", "tools", "test"}


def wrong_imports(path: Path, allowed: set[str]) -> set[str]:
    """The project's own packages that a file imports against the direction."""
    return set(imported(path.read_text())) & OWN - allowed


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_imports_go_downward(part: str) -> None:
    wrong = {
        str(path.relative_to(ROOT)): wrong_imports(path, MAY_IMPORT[part]) for path in sources(part)
    }
    assert wrong
    assert {file: names for file, names in wrong.items() if names} == {}


@pytest.mark.parametrize(
    "line", ["import experiments", "def f():\n    from training.tiff import x"]
)
def test_an_upward_import_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.py").write_text(line)
    assert wrong_imports(tmp_path / "a.py", {"model"})
