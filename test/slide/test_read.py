"""Files of any kind that are damaged, hostile or too large are refused in one line."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
import SimpleITK as sitk

from slide.read import read_image
from test.slide.builders import (
    DAMAGED,
    PLANES,
    RGB,
    assert_refused,
    patch_tag,
    write_mha,
    write_pyramid,
)
from training.tiff import write_tiff


@pytest.mark.parametrize("suffix", [".tif", ".TIFF", ".mha", ".png", ".jpg"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"an empty file \(0 bytes\): copy or export it again"),
        (b"garbage " * 100, DAMAGED),
        (b"II*\0\x08\0\0\0", f"{DAMAGED}|^it is a TIFF file: rename it to image.tif$"),
        (b"\0" * 4096, DAMAGED),
    ],
    ids=["empty", "garbage", "TIFF magic", "zeros"],
)
def test_no_image_at_all(tmp_path: Path, suffix: str, content: bytes, reason: str) -> None:
    path = tmp_path / f"image{suffix}"
    path.write_bytes(content)
    assert_refused(path, reason, mpp=0.25)


@pytest.mark.parametrize("fraction", [0.001, 0.02, 0.5, 0.99])
@pytest.mark.parametrize("kind", ["strip", "tile", "jpeg", "pyramid", "planar", "mha", "mha.gz"])
def test_truncated(tmp_path: Path, kind: str, fraction: float) -> None:
    path = tmp_path / f"image.{'mha' if 'mha' in kind else 'tif'}"
    match kind:
        case "strip":
            write_tiff(path, RGB, 0.25)
        case "tile":
            write_tiff(path, RGB, 0.25, tile=(16, 16), compression="zlib")
        case "jpeg":
            write_tiff(path, RGB, 0.25, tile=(16, 16), compression="jpeg")
        case "pyramid":
            write_pyramid(path, RGB, subifds=False, compression="jpeg", tile=(16, 16))
        case "planar":
            write_tiff(path, PLANES, 0.25, planarconfig="separate")
        case _:
            write_mha(path, RGB, compressed=kind == "mha.gz")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * fraction)])
    if kind == "pyramid" and fraction == 0.99:  # only the small level lacks its end
        assert read_image(path).pixels.shape == RGB.shape
    else:
        assert_refused(path, DAMAGED)


def test_a_declared_bomb_is_refused_before_its_pixels(tmp_path: Path, tiff: Path) -> None:
    write_tiff(tiff, RGB, 0.25)
    patch_tag(tiff, "ImageWidth", 65000)
    patch_tag(tiff, "ImageLength", 65000)
    assert_refused(tiff, r"declares 65000x65000 pixels, over 1e\+09: cut out the region")
    write_tiff(tiff, RGB, 0.25, tile=(16, 16))
    patch_tag(tiff, "TileWidth", 65520)
    patch_tag(tiff, "TileLength", 65520)
    assert_refused(tiff, "declares 65520x65520 pixels")
    path = tmp_path / "image.mha"
    write_mha(path, RGB)
    path.write_bytes(path.read_bytes().replace(b"DimSize = 80 96", b"DimSize = 90000 90000"))
    assert_refused(path, "declares 90000x90000 pixels")
    png = tmp_path / "image.png"
    sitk.WriteImage(sitk.GetImageFromArray(RGB, isVector=True), str(png))
    data = png.read_bytes()
    png.write_bytes(data[:16] + struct.pack(">II", 90000, 90000) + data[24:])
    assert_refused(png, "declares 90000x90000 pixels|cannot be decoded", mpp=0.25)


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    assert_refused(tmp_path / "missing.tif", r"cannot be opened \(No such file or directory\): ")
    (tmp_path / "folder.tif").mkdir()
    assert_refused(tmp_path / "folder.tif", "not a regular file: give a file")
    assert_refused(tmp_path / "slide.czi", "^not a format that is read .*to .tif$")
