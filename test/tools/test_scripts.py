"""The shell scripts that make the environment and open the page."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def script(name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / "tools" / name), *arguments],
        env=dict(os.environ) | environment, text=True, capture_output=True, check=False,
    )  # fmt: skip


def test_environment_is_made_once_and_says_what_it_takes(tmp_path: Path) -> None:
    requirements, venv = tmp_path / "requirements.txt", str(tmp_path / "venv")
    requirements.write_text("# none: pip warns of that\n")
    first = script("venv.sh", str(requirements), VENV=venv)
    assert (first.returncode, first.stdout) == (0, f"{venv}/bin/python\n")
    assert "3 GB" in first.stderr and "WARNING" not in first.stderr
    again = script("venv.sh", str(requirements), VENV=venv)
    assert (again.stdout, again.stderr) == (first.stdout, "")

    requirements.write_text("--no-index\nno-such-package==1\n")
    failed = script("venv.sh", str(requirements), VENV=venv)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "ERROR: No matching distribution found for no-such-package==1" in failed.stderr
    assert f"the end of {venv}/install.log" in failed.stderr
    assert "error: pip" in script("venv.sh", str(requirements), VENV=venv).stderr, "tried again"


@pytest.mark.parametrize(
    ("opener", "display", "opened"),
    [
        ("xdg-open", ":0", True),
        ("xdg-open", "", False),
        ("wslview", "", True),
        ("w3m", ":0", False),
    ],
)
def test_page_is_opened_or_named(tmp_path: Path, opener: str, display: str, opened: bool) -> None:
    """On a PATH whose only opener writes down what it is given."""
    page, noted = tmp_path / "report.html", tmp_path / "noted"
    page.touch()
    for tool in ("bash", "env", "uname"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / tool).symlink_to(f"/usr/bin/{tool}")
    (tmp_path / "bin" / opener).write_text(f'#!/bin/sh\necho "$1" > {noted}\n')
    (tmp_path / "bin" / opener).chmod(0o755)
    here = {"PATH": str(tmp_path / "bin"), "DISPLAY": display, "WAYLAND_DISPLAY": ""}
    ended = script("open_page.sh", str(page), **here)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == ("" if opened else f"no browser could be started here; open {page}\n")
    assert noted.exists() is opened
    if opened:
        assert noted.read_text() == f"{page}\n"


def test_a_page_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    ended = script("open_page.sh", str(tmp_path / "report.html"))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "there is no page" in ended.stderr
