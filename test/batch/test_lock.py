"""One run at a time in an output folder, and a dead one holds nothing."""

from __future__ import annotations

import errno
import fcntl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import process
from batch.lock import LOCK_FILE, LockedError, locked
from batch.options import ROOT
from batch.writing import OutputError

HOLD = """\
import sys, pathlib, batch.lock
with batch.lock.locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """Another process that holds the folder until its input ends."""
    command = [sys.executable, "-c", HOLD, str(folder)]
    process = subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_the_folder_is_free_again_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")
    for _ in range(2):
        with locked(tmp_path) as held:
            assert held and (tmp_path / LOCK_FILE).exists()
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_folder_that_was_made_and_stays_empty_is_removed(tmp_path: Path) -> None:
    with locked(tmp_path / "new" / "out"):
        assert (tmp_path / "new" / "out").is_dir()
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path / "new" / "out"):
        (tmp_path / "new" / "result").write_text("kept")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["result"]


def test_a_second_run_is_refused_until_the_first_is_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = holder(tmp_path)
    used = rf"used by another run \(process {first.pid} on "
    with pytest.raises(LockedError, match=used), locked(tmp_path):
        raise AssertionError("held twice")
    options = ["--input", str(ROOT / "test" / "images"), "--output", str(tmp_path)]
    assert process.main([*options, "--adaptation", "none"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {tmp_path} is used by another run")
    assert [path.name for path in tmp_path.iterdir()] == [LOCK_FILE]
    first.kill()
    first.communicate()
    assert (tmp_path / LOCK_FILE).exists()
    with locked(tmp_path) as held:
        assert held
    assert list(tmp_path.iterdir()) == []


def test_those_who_wait_hold_it_one_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    inside, most = [], []

    def work() -> None:
        for _ in range(20):
            with locked(tmp_path / "out", wait=True):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 80


def test_a_file_system_without_locks_is_used_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked(tmp_path) as held:
        assert not held


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    unwritten = "the result cannot be written"
    with pytest.raises(OutputError, match=unwritten), locked(tmp_path / "file" / "out"):
        raise AssertionError("held")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("kept")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / LOCK_FILE).symlink_to(tmp_path / "theirs")
    with pytest.raises(OutputError), locked(tmp_path / "out"):
        raise AssertionError("held")
    assert (tmp_path / "theirs").read_text() == "kept"


def test_a_full_disk_has_a_lock_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.pwrite", full)
    with locked(tmp_path) as held:
        assert held
    assert list(tmp_path.iterdir()) == []
