"""Downloading the real fields: the files written, and the errors reported."""

from __future__ import annotations

import hashlib
import io
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile

from slide.read import read_image
from test import fetch_real_images
from test.fetch_real_images import IMAGES, MPP, UNEXPECTED, UNREACHABLE, FetchError, fetch

SAMPLE = Path(__file__).parent / "images" / "hgsc_nest.tiff"
# Of histolytics/data/hgsc_nest.jpg in the wheel whose SHA-256 test/fetch_real_images.py has.
STREAM = "4525ae5db61e7a385f24ec7ff3bf26e10f61a870c36e3c74b1a3cd436990ea57"


def test_the_sample_holds_the_package_s_jpeg_unchanged() -> None:
    """A field at 0.5 µm per pixel, with its notice, small enough for the repository."""
    with tifffile.TiffFile(SAMPLE) as tiff:
        (start,), (length,) = tiff.pages[0].dataoffsets, tiff.pages[0].databytecounts
    stream = SAMPLE.read_bytes()[start : start + length]
    assert hashlib.sha256(stream).hexdigest() == STREAM
    assert SAMPLE.stat().st_size <= 2 << 20
    image = read_image(SAMPLE)
    assert (image.pixels.shape, image.mpp, image.warnings) == ((1500, 1500, 3), (MPP, MPP), ())
    notice = SAMPLE.with_name("hgsc_nest.LICENSE.txt").read_text()
    assert "BSD 3-Clause License" in notice and "HautaniemiLab" in notice


def make_wheel(folder: Path) -> Path:
    path = folder / "histolytics-0.3.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name in IMAGES:
            jpeg = io.BytesIO()
            PIL.Image.new("RGB", (40, 30), (200, 120, 180)).save(jpeg, "JPEG")
            wheel.writestr(f"histolytics/data/{name}", jpeg.getvalue())
    return path


def test_writes_tiffs_with_their_pixel_size_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_real_images, "download", make_wheel)
    paths = fetch(tmp_path / "real")
    assert [path.name for path in paths] == ["hgsc_nest.tiff", "hgsc_stromal_he.tiff"]
    assert sorted((tmp_path / "real").iterdir()) == paths
    for path in paths:
        image = read_image(path)
        assert image.pixels.shape == (30, 40, 3)
        np.testing.assert_allclose(image.mpp, (MPP, MPP))
    monkeypatch.setattr(fetch_real_images, "download", lambda scratch: pytest.fail("again"))
    assert fetch(tmp_path / "real") == paths


def test_another_file_of_that_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        make_wheel(Path(command[command.index("--dest") + 1]))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", pip)
    with pytest.raises(FetchError, match=r"has sha256 .*, expected de2ad5cf") as refusal:
        fetch(tmp_path / "real")
    assert refusal.value.status == UNEXPECTED
    assert not (tmp_path / "real").exists()


def test_an_unreachable_index_has_its_own_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "WARNING: no route\nERROR: No matching package")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    monkeypatch.setattr("sys.argv", ["fetch_real_images", str(tmp_path / "real")])
    assert fetch_real_images.main() == UNREACHABLE
    assert capsys.readouterr().err == (
        "fetch_real_images: histolytics==0.3.0 cannot be downloaded: ERROR: No matching package\n"
    )
