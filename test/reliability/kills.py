"""SIGKILL at random moments of a folder run: what is finished stays, and --resume does the rest.

Runs of process.py over one folder are killed one after the other; each goes on with --resume where
the one before was killed. Once a run comes to its end, its files are compared with those of a run
that was never killed, and the next begins with an empty folder. Everything found wrong is an
AssertionError.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema

from batch.layout import FIGURES_FILE, RESULT_FILE, SUMMARY_FILE
from batch.lock import IMAGE_LOCKS, LOCK_FILE
from batch.writing import UNFINISHED
from model.hashes import file_sha256
from test.container.conftest import strict_json
from test.rendering import render_tissue
from training.tiff import write_tiff

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = strict_json(ROOT / "test" / "schemas" / "2025.json")
SIZE = (200, 240)  # px, of an image
EARLY = 0.1  # share of the kills that may come while the process still starts
Stamps = dict[Path, tuple[int, int]]  # of a finished image's files: time written, size in bytes


@dataclass
class Survived:
    """What was done: runs killed, runs that came to their end, images that a kill left finished."""

    kills: int = 0
    ended: int = 0
    finished: int = 0
    seconds: float = 0.0


def write_images(folder: Path, count: int) -> None:
    """Small rendered images."""
    folder.mkdir(parents=True)
    for number in range(count):
        pixels, _ = render_tissue(SIZE, figures=1, seed=number)
        write_tiff(folder / f"image_{number}.tif", pixels, 0.25)


def survive_kills(
    folder: Path,
    kills: int,
    images: int = 6,
    options: Sequence[str] = ("--adaptation", "none"),
    seed: int = 0,
    progress: Callable[[int], object] = lambda kills: None,
) -> Survived:
    """Kill runs until `kills` were killed, and let the last one come to its end.

    Args:
        folder: empty, for images and results.
        kills: how many.
        images: in the folder that is processed.
        options: of process.py.
        seed: of the moments.
        progress: called after each kill.

    Raises:
        AssertionError: a kill or a rerun has lost, redone or spoiled something.
    """
    moments, done, started = random.Random(seed), Survived(), time.monotonic()
    source, target = folder / "in", folder / "out"
    write_images(source, images)
    command = [sys.executable, "process.py", "--input", str(source), *options]
    lasted = _reference(command, folder / "reference")
    command += ["--output", str(target), "--resume"]
    before: Stamps = {}
    while done.kills < kills or before:
        last = done.kills >= kills
        moment = None if last else moments.random() * lasted
        early = moments.random() < EARLY
        killed = _run(command, target / SUMMARY_FILE, moment, early)
        after = check_finished(target)
        assert before.items() <= after.items(), "a finished image was lost or done again"
        if killed:
            done.kills += 1
            done.finished += len(after) // 2
            progress(done.kills)
            before = after
            continue
        done.ended += 1
        _compare(target, folder / "reference")
        shutil.rmtree(target)
        before = {}
    done.seconds = time.monotonic() - started
    return done


def check_finished(target: Path) -> Stamps:
    """The files of the images that are finished, after checking every file that stands there.

    Only what has the name of a file being written may be partial.
    """
    stamps: Stamps = {}
    for path in sorted(path for path in target.rglob("*") if path.is_file()):
        if path.name.endswith(UNFINISHED) or path.name in (LOCK_FILE, IMAGE_LOCKS):
            continue
        content = strict_json(path)  # parses: whole
        if path.name == FIGURES_FILE:
            jsonschema.validate(content, SCHEMA)
        elif path.name == RESULT_FILE:
            figures = path.with_name(FIGURES_FILE)
            assert content["status"] == "ok", content["error"]
            assert file_sha256(figures) == content["figures"]["sha256"]
            stamps |= {file: _stamp(file) for file in (path, figures)}
        else:
            assert path.name == SUMMARY_FILE, f"{path} was left behind"
            for image in content["images"]:
                assert (target / image["folder"] / RESULT_FILE).is_file(), "listed but lost"
    return stamps


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


def _reference(command: list[str], target: Path) -> float:
    """A run that is not killed; seconds from its first file to its end."""
    with _started([*command, "--output", str(target)]) as process:
        _wait_for_change(process, target / SUMMARY_FILE, None)
        begun = time.monotonic()
        assert process.wait() == 0
        return time.monotonic() - begun


def _run(command: list[str], summary: Path, moment: float | None, early: bool) -> bool:
    """A run that is killed, a moment after its start or after its first file; whether it was."""
    before = _stamp(summary) if summary.exists() else None
    with _started(command) as process:
        if moment is not None:
            if not early:
                _wait_for_change(process, summary, before)
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                return True
        assert process.wait() == 0
    return False


def _started(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)


def _wait_for_change(
    process: subprocess.Popen[bytes], path: Path, before: tuple[int, int] | None
) -> None:
    while process.poll() is None and (not path.exists() or _stamp(path) == before):
        time.sleep(0.002)


def _compare(target: Path, reference: Path) -> None:
    """A run that was killed and resumed has written what one has that was not."""
    expected, found = _contents(reference), _contents(target)
    assert found.keys() == expected.keys(), "files are missing or left behind"
    for name in expected:
        assert found[name] == expected[name], f"{name} differs"


def _contents(folder: Path) -> dict[str, Any]:
    """Every file by its name: detections byte by byte, the rest without its times."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder)): path.read_bytes()
        if path.name == FIGURES_FILE
        else _without_times(json.loads(path.read_text()))
        for path in files
    }


def _without_times(content: Any) -> Any:
    if isinstance(content, dict):
        return {k: _without_times(v) for k, v in content.items() if k != "seconds"}
    if isinstance(content, list):
        return [_without_times(entry) for entry in content]
    return content
