"""Commands in the documents parse, the cheap ones run, and links and test names exist."""

from __future__ import annotations

import argparse
import json
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import process
from report.__main__ import main as report
from test.model.builders import tiny_bank, tiny_network, write_bank, write_weights
from test.rendering import render_tissue
from training.tiff import write_tiff

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "weights" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
EXTERNAL = {
    "docker",
    "dask",
    "curl",
    "mkdir",
    "torchrun",
    "for",
    "done",
    "pip",
    ".venv/bin/pip",
    "tensorboard",
}
MOST_WORDS = 9000  # of README.md and docs/*.md, tables included
every_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix()
)


def commands(document: Path) -> list[list[str]]:
    """The words of each indented command, without comments; a final `\\` joins lines."""
    text = re.sub(r"\A---\n.*?^---$", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    lines = re.findall(r"^    (\S.*)$", text.replace("\\\n", " "), re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


class Parsed(Exception):
    """Raised in place of a run, once a command's own parser has accepted its arguments."""


@pytest.fixture
def parse_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse_args(self: argparse.ArgumentParser, arguments: Any = None, _: Any = None) -> Any:
        _, unknown = self.parse_known_args(arguments)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_args)


def accepted(command: list[str]) -> bool:
    """Whether the command exists and accepts these arguments; an argparse error exits with 2."""
    match command:
        case ["torchrun", *_]:
            return accepted(["python", *command[command.index("-m") :]])
        case [".venv/bin/python", *rest]:
            return accepted(["python", *rest])
        case ["python", "-X", "importtime", *rest]:
            return accepted(["python", *rest])
        case ["python", "-m", "pip" | "venv" | "tools.audit", *_]:  # of other programs
            return True
        case [_, "=", *_]:  # a formula
            return True
        case ["python", "-m", module, *arguments]:
            return parses(arguments, lambda: runpy.run_module(module, run_name="__main__"))
        case ["python", script, *arguments]:
            return parses(
                arguments, lambda: runpy.run_path(str(ROOT / script), run_name="__main__")
            )
        case ["./run.sh", *words]:
            options = words[sum(not word.startswith("-") for word in words[:2]) :]
            merges = "--review" in options
            program = ["-m", "report", "OUTPUT"] if merges else ["process.py"]
            return accepted(["python", *program, *options])
        case [script, *words] if script.startswith("./"):
            text = subprocess.run(
                [script, "--help"], cwd=ROOT, capture_output=True, text=True
            ).stdout
            return all(word in text for word in words if word.startswith("--"))
    return command[0] in EXTERNAL


def parses(arguments: list[str], run: Callable[[], object]) -> bool:
    """Whether the parser of a program accepts the arguments."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["program", *arguments])
        try:
            run()
        except Parsed:
            return True
        except SystemExit as end:
            return end.code == 0  # --help
    return False


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
@pytest.mark.usefixtures("parse_only")
@every_document
def test_commands_are_accepted(document: Path) -> None:
    for command in commands(document):
        assert accepted(command), shlex.join(command)


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
@pytest.mark.usefixtures("parse_only")
@pytest.mark.parametrize(
    "command",
    [
        "python process.py --no-such-option",
        "python -m report OUTPUT --no-such-option",
        "python -m training.search_rates no_such_command",
        "python -m test.load --calls many",
        "./run.sh INPUT OUTPUT --adaptation no-such-name",
        "./test.sh --no-such-option",
        "no-such-program --help",
    ],
)
def test_a_wrong_command_is_found(command: str) -> None:
    assert not accepted(command.split())


@every_document
def test_links_lead_to_files_and_headings(document: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]+))?\)", document.read_text()):
        file = document.parent / target if target else document
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings]


@every_document
def test_tests_that_are_named_exist(document: Path) -> None:
    """`test/a_file.py`, or `test/a_file.py::test_name`."""
    for file, name in re.findall(r"`(test/[\w/]+\.py)(?:::(\w+))?`", document.read_text()):
        assert (ROOT / file).is_file(), file
        functions = re.findall(r"^def (test_\w+)", (ROOT / file).read_text(), re.MULTILINE)
        assert not name or name in functions, f"{file} has no {name}"


@every_document
def test_files_that_are_named_exist(document: Path) -> None:
    """`folder/file.py` and the like, at the root or beside the document."""
    folders = (
        "batch|docs|evaluation|experiments|model|report|slide|source_bank|tools|training|weights"
    )
    for file in re.findall(rf"`((?:{folders})/[\w./]*)`", document.read_text()):
        assert (ROOT / file).exists(), file


@every_document
def test_python_examples_run(document: Path) -> None:
    """With the shipped weights; `pixels` is the reader's image."""
    for code in re.findall(
        r"^```python\n(.*?)^```$", document.read_text(), re.DOTALL | re.MULTILINE
    ):
        names: dict[str, Any] = {"pixels": render_tissue((200, 240), figures=2)[0]}
        exec(compile(code, str(document), "exec"), names)
        assert names["figures"].shape[1:] == (2,)


def test_every_guarantee_of_security_has_a_test() -> None:
    text = (ROOT / "docs" / "security.md").read_text()
    rows = re.findall(r"^\| (?!guarantee|---)(.*) \|$", text, re.MULTILINE)
    assert len(rows) >= 15
    for row in rows:
        guarantee, _, tests = row.split(" | ")
        assert "`test/" in tests, guarantee


def test_the_documents_stay_short() -> None:
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    words = [word for path in documents for word in path.read_text().split()]
    assert sum(any(map(str.isalnum, word)) for word in words) <= MOST_WORDS


def test_recipes_run(tmp_path: Path) -> None:
    """Every recipe for the processor, in order, on rendered tissue with small weights."""
    network = tiny_network()
    sha256 = write_weights(tmp_path / "weights", network)
    write_bank(tmp_path / "bank", tiny_bank(network, 3, sha256=sha256))
    (tmp_path / "slides").mkdir()
    write_tiff(tmp_path / "slides" / "a.tif", render_tissue((100, 100), figures=0)[0], 0.25)
    corners = [[0, 0], [100, 0], [100, 90], [0, 90], [0, 0]]
    (tmp_path / "regions").mkdir()
    (tmp_path / "regions" / "a.geojson").write_text(
        json.dumps({"type": "Polygon", "coordinates": [corners]})
    )
    places = {"SLIDES": "slides", "FOUND": "found", "REGIONS": "regions"}
    small = ["--weights", tmp_path / "weights", "--source-bank", tmp_path / "bank"]
    small += ["--max-steps", "1", "--batch-size", "16", "--precision", "fp32"]
    ran = 0
    for command in commands(ROOT / "docs" / "usage.md"):
        words = command
        for name, folder in places.items():
            words = [word.replace(name, f"{tmp_path}/{folder}") for word in words]
        if words[0] == "./run.sh" and "cuda" not in words:
            options = ["--input", words[1], "--output", words[2], *words[3:], *map(str, small)]
            assert process.main(options) == 0, command
            ran += 1
        elif words[:3] == ["python", "-m", "report"]:
            assert report(words[3:]) == 0, command
            ran += 1
    assert ran >= 9
