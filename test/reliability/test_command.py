"""The command: its parts run in turn, their figures are a table, and what is wrong fails it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from test.reliability import __main__ as command
from test.reliability.__main__ import Part, main, parse


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two parts, of which the second finds something wrong; the folders that they were given."""
    folders: list[Path] = []

    def good(options: argparse.Namespace, folder: Path) -> Part:
        folders.append(folder)
        assert folder.is_dir() and not any(folder.iterdir())
        return Part({"kills survived": f"{options.kills} of {options.kills}"})

    def bad(options: argparse.Namespace, folder: Path) -> Part:
        folders.append(folder)
        return Part({"calls served": "3"}, ["call 2 was answered with 201"])

    monkeypatch.setattr(command, "PARTS", {"kills": good, "calls": bad})
    return folders


def test_figures_in_a_table(
    parts: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    json_file = tmp_path / "figures.json"
    assert main(["--quick", "--only", "kills", "--json", str(json_file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "| what | figure |", "|---|---|", "| kills survived | 4 of 4 |",
        "| kills: wrong, time taken | 0, 0 s |",
    ]  # fmt: skip
    assert "cores" in lines[-1] and "commit" in lines[-1]
    assert json.loads(json_file.read_text())["parts"]["kills"]["wrong"] == []
    assert len(parts) == 1 and not parts[0].exists(), "its folder is gone"


def test_what_is_wrong_fails_it(parts: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    captured = capsys.readouterr()
    assert "| calls: wrong, time taken | 1, 0 s |" in captured.out
    assert captured.err.endswith("error: call 2 was answered with 201\n")


def test_sizes() -> None:
    assert vars(parse([])) | {"kills": 50, "calls": 1000, "side": 20_000} == vars(parse([]))
    chosen = parse(["--quick", "--kills", "7"])
    assert (chosen.kills, chosen.calls, chosen.side) == (7, 40, 4000)


def test_calls_are_those_of_the_load_test(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its report as a table; without one nothing is claimed."""
    report = {
        "without_adaptation": {
            "calls": 12, "statuses": {"201": 7, "500": 5}, "wrong": [],
            "memory_first_measured_after_call": 6, "growth_percent": 0.25,
        },
        "hostile_clients": {"clients": 30, "wrong": ["one: 200"]},
    }  # fmt: skip
    (tmp_path / "load.json").write_text(json.dumps(report))
    monkeypatch.setattr(command, "find_spec", lambda name: name)
    monkeypatch.setattr(command, "LOAD", "json.tool")  # ends without writing anything
    part = command.calls(parse(["--quick"]), tmp_path)
    assert part.wrong == ["one: 200"]
    assert part.figures == {
        "calls served, without adaptation": "12 (7 answered 201, 5 answered 500)",
        "memory of the server, without adaptation": "+0.25 % since call 6",
        "hostile clients": "30",
    }
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    assert command.calls(parse([]), tmp_path).figures == {"calls served": "not measured"}
