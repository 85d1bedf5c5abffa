"""Files whose content is of another kind than their suffix says."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image as Picture

from slide.read import read_image
from test.slide.builders import RGB, assert_refused, write_any_tiff, write_mha

SUFFIXES = {"TIFF": ".tif", "PNG": ".png", "JPEG": ".jpg", "MetaImage": ".mha"}


def write(path: Path, kind: str) -> None:
    if kind == "TIFF":
        write_any_tiff(path, RGB, photometric="rgb", bigtiff=path.stem == "big")
    elif kind == "MetaImage":
        write_mha(path.with_suffix(".mha"), RGB)
        path.with_suffix(".mha").rename(path)
    else:
        Picture.fromarray(RGB).save(path, kind)


@pytest.mark.parametrize("kind", SUFFIXES)
@pytest.mark.parametrize("suffix", [".tiff", ".png", ".JPG", ".mha"])
def test_kinds_that_are_read_under_another_suffix(tmp_path: Path, kind: str, suffix: str) -> None:
    path = tmp_path / f"big{suffix}"
    write(path, kind)
    if suffix.lower() in (SUFFIXES[kind], ".tiff" if kind == "TIFF" else ""):
        assert np.abs(read_image(path, 0.25).pixels.astype(int) - RGB).mean() < 6
    else:
        assert_refused(path, f"^it is a {kind} file: rename it to big{SUFFIXES[kind]}$", 0.25)


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg", ".mha"])
def test_other_kinds(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(gzip.compress(b"pixels"))
    assert_refused(path, "^it is a gzip archive: unpack it$", 0.25)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.tif", b"pixels")
    assert_refused(path, "^it is a zip archive: unpack it$", 0.25)
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    assert_refused(path, "^it is a pointer of Git LFS, without pixels: run git lfs pull$", 0.25)
    path.write_text("<!DOCTYPE html><html><body>404</body></html>")
    assert_refused(path, "^it is a web page: download it again$", 0.25)
    path.write_bytes(imagecodecs.webp_encode(RGB))
    assert_refused(path, "^it is a WebP file: convert it to .tif$", 0.25)
    path.write_bytes(imagecodecs.jpeg2k_encode(RGB, codecformat="jp2"))
    assert_refused(path, "^it is a JPEG 2000 file: convert it to .tif$", 0.25)
    Picture.fromarray(RGB).save(path, "BMP")
    assert_refused(path, "^it is a BMP file: convert it to .tif$", 0.25)
    path.write_bytes(b"ZISRAWFILE" + bytes(200))
    assert_refused(path, "^it is a CZI file of Zeiss: convert it to .tif$", 0.25)
    path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(200))
    assert_refused(path, "^it is a HEIC, AVIF or MP4 file: convert it to .tif$", 0.25)
    path.write_bytes(bytes(128) + b"DICM" + bytes(200))
    assert_refused(path, "^it is a DICOM file: convert it to .tif$", 0.25)
    Picture.fromarray(RGB).save(path, "GIF")
    assert_refused(path, "^it is a GIF file: convert it to .tif$", 0.25)


@pytest.mark.parametrize("content", [b"x", bytes(4096), b"garbage"])
def test_what_is_no_tiff_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tif").write_bytes(content)
    assert_refused(tmp_path / "a.tif", "^not a TIFF file, or damaged: copy or export it again$")
