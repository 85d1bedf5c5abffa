"""Files that are whole or not there."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from batch.writing import OutputError, check_writable, write_json, writing


def test_write_makes_folders_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.json"
    for content in ({"µ": [1, 2.5, None]}, {}):
        write_json(path, content)
        assert json.loads(path.read_text()) == content
    assert [p.name for p in path.parent.iterdir()] == ["file.json"]


@pytest.mark.parametrize("failing", ["replace", "fsync", "fdopen", "chmod"])
@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()])
def test_failure_leaves_the_former_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, error: BaseException
) -> None:
    path = tmp_path / "file.json"
    write_json(path, {"former": True})

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(type(error)):
        write_json(path, {"former": False})
    monkeypatch.undo()
    assert json.loads(path.read_text()) == {"former": True}
    assert list(tmp_path.iterdir()) == [path], "nothing half written is left"


@pytest.mark.parametrize("content", [{"x": float("nan")}, [float("inf")], {"x": object()}])
def test_what_is_not_json_is_refused_before_anything_is_written(
    tmp_path: Path, content: object
) -> None:
    with pytest.raises((ValueError, TypeError), match=r"not JSON|not finite"):
        write_json(tmp_path / "new" / "file.json", content)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_rights_follow_the_user_s_mask(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        write_json(tmp_path / "file.json", {})
        assert (tmp_path / "file.json").stat().st_mode & 0o777 == mode
        assert os.umask(mask) == mask, "the mask is put back"
    finally:
        os.umask(before)


def test_longest_file_name(tmp_path: Path) -> None:
    write_json(tmp_path / ("x" * 250 + ".json"), {})


def test_a_folder_that_can_be_written_is_left_empty(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file: the result cannot be written \(File exists\)"):
        check_writable(tmp_path / "file")
    with pytest.raises(OutputError, match="a file has the name of the folder"):
        check_writable(tmp_path / "file" / "folder")


def test_a_name_that_is_too_long_is_named_as_the_reason(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="too long a name: shorten that of the file"), writing():
        (tmp_path / ("a" * 300)).mkdir()
