"""Commands in the documents: their options are real, the recipes' are run, links lead somewhere."""

from __future__ import annotations

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest

import process
from batch.options import option_parser
from report.__main__ import main as report
from report.__main__ import option_parser as report_parser
from test.model.builders import tiny_bank, tiny_network, write_bank, write_weights
from test.rendering import render_tissue
from training.tiff import write_tiff

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(document: Path) -> list[list[str]]:
    """Indented commands, without comments."""
    lines = re.findall(r"^    (\S.*)$", document.read_text(), re.MULTILINE)
    return [shlex.split(line.rstrip("\\"), comments=True) for line in lines]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_and_links_are_real(document: Path) -> None:
    for command in commands(document):
        match command:
            case ["python", "process.py", *options]:
                option_parser().parse_args(options)
            case ["./run.sh", *places_and_options]:
                first = [not word.startswith("--") for word in places_and_options[:2]]
                option_parser().parse_args(places_and_options[sum(first) :])
            case ["python", "-m", "report", *options]:
                report_parser().parse_args(options)
            case ["python", "-m", module, *_]:
                assert find_spec(module) is not None
            case ["python", script, *_] | [str(script), *_] if script.startswith(("./", "tools/")):
                assert (ROOT / script).is_file()
    for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
        assert (document.parent / link).exists()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_tests_that_are_named_exist(document: Path) -> None:
    """`test/a_file.py`, or `test/a_file.py::test_name`."""
    for file, name in re.findall(r"`(test/[\w/]+\.py)(?:::(\w+))?`", document.read_text()):
        assert (ROOT / file).is_file(), file
        functions = re.findall(r"^def (test_\w+)", (ROOT / file).read_text(), re.MULTILINE)
        assert not name or name in functions, f"{file} has no {name}"


def test_every_promise_of_security_has_a_test() -> None:
    text = (ROOT / "docs" / "security.md").read_text()
    rows = re.findall(r"^\| (?!promise|---)(.*) \|$", text, re.MULTILINE)
    assert len(rows) >= 15
    for row in rows:
        promise, _, tests = row.split(" | ")
        assert "`test/" in tests, promise


def test_recipes_run(tmp_path: Path) -> None:
    """Every recipe for the processor, in order, on rendered tissue with small weights."""
    network = tiny_network()
    sha256 = write_weights(tmp_path / "weights", network)
    write_bank(tmp_path / "bank", tiny_bank(network, 3, sha256=sha256))
    (tmp_path / "slides").mkdir()
    write_tiff(tmp_path / "slides" / "a.tif", render_tissue((100, 100), figures=0)[0], 0.25)
    small = ["--weights", tmp_path / "weights", "--source-bank", tmp_path / "bank"]
    small += ["--max-steps", "1", "--batch-size", "16", "--precision", "fp32"]
    ran = 0
    for command in commands(ROOT / "docs" / "usage.md"):
        words = [
            word.replace("SLIDES", f"{tmp_path}/slides").replace("FOUND", f"{tmp_path}/found")
            for word in command
        ]
        if words[0] == "./run.sh" and "cuda" not in words:
            options = ["--input", words[1], "--output", words[2], *words[3:], *map(str, small)]
            assert process.main(options) == 0, command
            ran += 1
        elif words[:3] == ["python", "-m", "report"]:
            assert report(words[3:]) == 0, command
            ran += 1
    assert ran >= 9
