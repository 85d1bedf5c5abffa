"""Decoders print nothing to the terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image as Picture

from slide.image import ImageError
from slide.read import read_image
from test.slide.builders import RGB, write_mha
from test.slide.tiff.builders import SHORT, edit_ifd
from training.tiff import write_tiff


def test_nothing_is_written_to_the_terminal(
    tmp_path: Path, tiff: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_tiff(tiff, RGB, 0.25, tile=(16, 16))  # ITK warns of its "suboptimal" reader
    read_image(tiff)
    path = tmp_path / "image.mha"
    write_mha(path, RGB)
    path.write_bytes(path.read_bytes()[:-100])  # MetaIO prints what it misses
    with pytest.raises(ImageError):
        read_image(path)
    tiff.write_bytes(tiff.read_bytes()[:-300])
    with pytest.raises(ImageError):
        read_image(tiff)
    photo = tmp_path / "photo.jpg"
    Picture.fromarray(RGB).save(photo)
    photo.write_bytes(photo.read_bytes().replace(b"\xff\xc4", b"\0\0\xff\xc4", 1))
    read_image(photo, 0.25)  # libjpeg reports the bytes between on stdout
    assert capfd.readouterr() == ("", "")


def test_an_odd_tag_is_not_logged_to_stderr(tiff: Path) -> None:
    write_tiff(tiff, RGB, 0.25)
    edit_ifd(tiff, [(296, SHORT, [9])])  # ResolutionUnit, of which tifffile knows no 9
    code = "import sys; from pathlib import Path; from slide.read import read_header;" \
        "read_header(Path(sys.argv[1]), 0.25)"  # fmt: skip
    command = [sys.executable, "-c", code, str(tiff)]
    root = Path(__file__).parents[2]
    ran = subprocess.run(command, cwd=root, capture_output=True, check=True)
    assert (ran.stdout, ran.stderr) == (b"", b"")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_process_without_stdout_or_stderr_reads(tiff: Path, closed: str) -> None:
    write_tiff(tiff, RGB, 0.25)
    code = "import sys; from pathlib import Path; from slide.read import read_image;" \
        "sys.exit(read_image(Path(sys.argv[1])).pixels.shape != (96, 80, 3))"  # fmt: skip
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", code, str(tiff)]
    assert subprocess.run(command, cwd=Path(__file__).parents[2]).returncode == 0


def test_threads_that_read_at_once_leave_the_terminal_as_it_was(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / f"{number}.tif" for number in range(16)]
    for path in paths:
        write_tiff(path, RGB, 0.25, tile=(16, 16), compression="jpeg")
    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(read_image, paths))) == 16
    os.write(1, b"still there")
    assert capfd.readouterr().out == "still there"
