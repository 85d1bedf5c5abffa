"""What is printed, where, and how much of it."""

from __future__ import annotations

import sys

import pytest

from batch.terminal import RED, Terminal


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)


def everything(terminal: Terminal) -> None:
    terminal.say("said")
    terminal.detail("detail")
    terminal.error("wrong")
    terminal.table([["image", "status"], ["a.tif", "failed"]])
    with terminal.bar("[1/1] a.tif") as progress:
        progress("candidates", 0, 0)
        progress("adaptation", 1, 3)
        progress("adaptation", 2, 3)


def test_plain_where_it_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    everything(Terminal())
    assert capsys.readouterr() == ("said\nimage  status\na.tif  failed\n", "error: wrong\n")


def test_quiet_leaves_errors(capsys: pytest.CaptureFixture[str]) -> None:
    everything(Terminal(quiet=True))
    assert capsys.readouterr() == ("", "error: wrong\n")


def test_terminal_has_bar_and_colours(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_terminal(monkeypatch)
    everything(Terminal(verbose=True))
    captured = capsys.readouterr()
    assert f"{RED}a.tif  failed" in captured.out and captured.err.startswith(RED)
    assert "  detail\n" in captured.out and "[1/1] a.tif adaptation" in captured.out


def test_no_color(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_terminal(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")
    Terminal().error("wrong")
    assert capsys.readouterr().err == "error: wrong\n"
