"""What is printed, where, and how much of it."""

from __future__ import annotations

import sys

import pytest

from batch.terminal import Terminal

RED = "\033[31m"
ROWS = [["image", "found", "status", "adaptation"], ["a[red].tif", "12", "failed", "-"]]


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)


def everything(terminal: Terminal) -> None:
    terminal.say("[bold]said[/bold] :smile: " + "word " * 30)
    terminal.detail("detail")
    assert terminal.error("wrong") == "wrong"
    terminal.table(ROWS)
    with terminal.bar("[1/1] a.tif") as progress:
        progress("candidates", 0, 0)
        progress("adaptation", 1, 3)
        progress("adaptation", 2, 3)


def test_plain_lines_where_it_is_not_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    everything(Terminal())
    said = "[bold]said[/bold] :smile: " + "word " * 30
    table = "image       found  status  adaptation\na[red].tif     12  failed  -\n"
    assert capsys.readouterr() == (f"{said}\n{table}", "error: wrong\n")


def test_quiet_leaves_errors(capsys: pytest.CaptureFixture[str]) -> None:
    everything(Terminal(quiet=True))
    assert capsys.readouterr() == ("", "error: wrong\n")


def test_terminal_has_bar_and_colours(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_terminal(monkeypatch)
    everything(Terminal(verbose=True))
    captured = capsys.readouterr()
    assert f"{RED}a[red].tif" in captured.out and captured.err.startswith(RED)
    assert "  detail\n" in captured.out and "[1/1] a.tif adaptation" in captured.out
    assert "2/3" in captured.out


def test_no_color(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_terminal(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")
    Terminal().error("wrong")
    assert RED not in capsys.readouterr().err
