"""What goes wrong on a platform: a message, the right exit status, and no partial JSON."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from test.compare import FILE
from test.container.conftest import fill, strict_json
from test.container.runners import Runner, ended, run, started
from test.rendering import render_tissue
from training.tiff import write_tiff

QUICK = ("--adaptation", "none")


def assert_all_json_is_whole(folder: Path) -> None:
    """Every file is JSON that parses: nothing partial, nothing temporary left behind."""
    for file in (path for path in folder.rglob("*") if path.is_file()):
        assert file.suffix == ".json", f"{file} was left behind"
        strict_json(file)


def test_an_output_folder_of_another_user(
    runner: Runner, fields: list[Path], source: Path, target: Path
) -> None:
    fill(source, fields[0])
    if os.geteuid() == 0:
        os.chown(target, 4321, 4321)
    target.chmod(0o555)
    done = run(runner, source, target, *QUICK, powerless=True)
    assert done.status not in (0, 137)
    assert "Traceback" not in done.stderr
    assert "the result cannot be written" in done.stderr
    assert list(target.iterdir()) == []


@pytest.fixture
def small_disk(target: Path) -> Iterator[Path]:
    """/output on a file system of its own, of 1 MiB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=777", "tmpfs", str(target)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a small disk needs the right to mount one")
    yield target
    subprocess.run(["umount", "--lazy", str(target)], check=True)


def test_a_full_disk(runner: Runner, fields: list[Path], source: Path, small_disk: Path) -> None:
    fill(source, fields[0])
    assert run(runner, source, small_disk, *QUICK).status == 0
    before = {file: file.read_bytes() for file in small_disk.rglob("*.json")}
    ballast = small_disk / "ballast.json"
    with pytest.raises(OSError, match="No space left"), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b" " * 4096)
    fill(source, *fields[1:])

    done = run(runner, source, small_disk, *QUICK)
    assert done.status not in (0, 137)
    assert "Traceback" not in done.stderr
    assert "No space left on device" in done.stderr
    ballast.unlink()
    assert_all_json_is_whole(small_disk)
    assert {file: file.read_bytes() for file in before} == before
    assert not list(small_disk.glob(f"field_*/{FILE}"))


def test_sigterm_in_the_middle_of_an_image(
    runner: Runner, fields: list[Path], source: Path, target: Path
) -> None:
    fill(source, fields[0])
    pixels, _ = render_tissue((1500, 1500), figures=4, seed=9)
    write_tiff(source / "long.tif", pixels, mpp=0.25)
    with started(
        runner, "exec", source, target, "--adaptation", "gradient-reversal", "--max-steps", "2"
    ) as process:
        first = target / fields[0].stem / FILE
        wait_for(first, process)  # then the long one has begun
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        done = ended(process, timeout=30)
    assert done.status == 128 + signal.SIGTERM
    assert "Traceback" not in done.stderr
    assert "SIGTERM" in done.stderr
    assert_all_json_is_whole(target)
    assert strict_json(first.with_name("result.json"))["status"] == "ok"
    assert not (target / "long" / FILE).exists()


def wait_for(file: Path, process: subprocess.Popen[str], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not file.exists():
        assert process.poll() is None, f"ended too early: {ended(process)}"
        assert time.monotonic() < end, f"{file} was not written in {seconds} s"
        time.sleep(0.05)
