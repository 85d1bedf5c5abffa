"""Every imported package is pinned in the requirements of the folder that imports it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PRODUCT = ("process.py", "serve.py", "model", "slide", "batch", "report", "evaluation")
FOLDERS = ("experiments", "test", "tools", "training")
OWN = {Path(name).stem for name in (*PRODUCT, *FOLDERS)}
RUN = ("requirements.txt",)
TRAIN = (*RUN, "requirements-train.txt")
EXPERIMENTS = (*TRAIN, "requirements-experiments.txt")
DEVELOPMENT = (
    *EXPERIMENTS,
    "requirements-cohort.txt",
    "requirements-dev.txt",
    "requirements-fuzz.txt",
    "requirements-export.txt",
)
REQUIREMENTS = {
    **dict.fromkeys(PRODUCT, RUN),
    "training": TRAIN,
    "experiments": EXPERIMENTS,
    "tools": DEVELOPMENT,
    "test": DEVELOPMENT,
}
# (file, module): the file reports a missing package, and everything else works without it.
OPTIONAL = {
    ("evaluation/figure.py", "matplotlib"),
    ("report/table.py", "pyarrow"),
    ("batch/cohort/cluster.py", "dask"),
    *((f"batch/cohort/{n}.py", "distributed") for n in ("cluster", "preparation", "run", "task")),
}


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(files: tuple[str, ...]) -> set[str]:
    """Names of the packages that these requirements files pin with `==`."""
    text = "\n".join((ROOT / file).read_text() for file in files)
    return {normalised(name) for name in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)}


def sources(name: str) -> list[Path]:
    path = ROOT / name
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def imported(source: str) -> Iterator[str]:
    """Top-level names of the modules that a source imports, at any depth."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").split(".")[0]


def undeclared(name: str) -> set[str]:
    """`file: module` for each import of a file or folder that its requirements do not pin."""
    declared = pinned(REQUIREMENTS[name])
    distributions = packages_distributions()
    missing = set()
    for path in sources(name):
        file = path.relative_to(ROOT).as_posix()
        for module in set(imported(path.read_text())) - OWN - sys.stdlib_module_names:
            providers = {normalised(d) for d in distributions.get(module, [module])}
            if not providers & declared and (file, module) not in OPTIONAL:
                missing.add(f"{file}: {module}")
    return missing


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_import_is_declared(name: str) -> None:
    assert sources(name)
    assert undeclared(name) == set()


def test_an_undeclared_import_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("numpy==2.4.6\n# scipy==1\n")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "a.py").write_text("def f():\n    import scipy.stats\nimport numpy, os\n")
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    assert undeclared("model") == {"model/a.py: scipy"}
