"""PNG and JPEG files: what is read with a stated pixel size, and what is refused."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image as Picture

from slide.read import read_image
from test.slide.builders import DAMAGED, GREY, OPAQUE, RGB, assert_refused


def test_png_and_jpeg_need_a_stated_pixel_size(tmp_path: Path) -> None:
    for suffix, tolerance in ((".png", 0), (".jpg", 6)):
        path = tmp_path / f"image{suffix}"
        sitk.WriteImage(sitk.GetImageFromArray(RGB, isVector=True), str(path))
        assert_refused(path, rf"{suffix} files do not contain a reliable pixel size: .*--mpp")
        image = read_image(path, mpp=0.5)
        assert np.abs(image.pixels.astype(int) - RGB).mean() <= tolerance
        assert image.mpp == (0.5, 0.5)


def exif(orientation: int, order: str = "<") -> bytes:
    entry = struct.pack(f"{order}HHIHH", 274, 3, 1, orientation, 0)
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    return start + struct.pack(f"{order}H", 1) + entry + bytes(4)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".jfif"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_orientation_is_ignored_with_a_warning(
    tmp_path: Path, suffix: str, orientation: int, order: str
) -> None:
    path = tmp_path / f"image{suffix}"
    Picture.fromarray(RGB).save(path, exif=b"Exif\0\0" + exif(orientation, order))
    image = read_image(path, 0.25)
    with Picture.open(path) as picture:  # which does not turn it either
        assert np.abs(image.pixels.astype(int) - np.asarray(picture)).mean() < 2
    if orientation == 1:
        assert image.warnings == ()
    else:
        assert image.warnings[0].startswith(f"Orientation {orientation} is ignored")


def with_chunk(path: Path, name: bytes, body: bytes) -> None:
    """Put a chunk behind the first one, IHDR."""
    chunk = struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    data = path.read_bytes()
    path.write_bytes(data[:33] + chunk + data[33:])


@pytest.mark.parametrize("bits", [b"\5\6\5", b"\7\7\7", b"\x08\x08\x08"])
def test_no_bits_are_lost_where_few_are_said_to_be_significant(tmp_path: Path, bits: bytes) -> None:
    path = tmp_path / "image.png"
    Picture.fromarray(RGB).save(path)
    with_chunk(path, b"sBIT", bits)
    np.testing.assert_array_equal(read_image(path, 0.25).pixels, RGB)


def test_few_significant_bits_of_alpha_and_of_a_palette(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    Picture.fromarray(np.dstack([RGB, OPAQUE])).save(path)
    with_chunk(path, b"sBIT", b"\x08\x08\x08\1")
    np.testing.assert_array_equal(read_image(path, 0.25).pixels, RGB)
    palette = Picture.fromarray(RGB).quantize(50)
    palette.save(path)
    with_chunk(path, b"sBIT", b"\6\6\6")
    image = read_image(path, 0.25)
    np.testing.assert_array_equal(image.pixels, palette.convert("RGB"))
    assert image.warnings == ("a palette of at most 256 colours, which can change probabilities",)


def test_damage_where_few_bits_are_significant(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    Picture.fromarray(RGB).save(path)
    with_chunk(path, b"sBIT", b"\5\5\5")
    path.write_bytes(path.read_bytes()[:-200])
    assert_refused(path, DAMAGED, mpp=0.25)


@pytest.mark.parametrize("damage", [b"", b"II", b"II*\0\xff\xff\0\0", exif(6)[:9], b"garbage" * 9])
def test_damaged_exif_says_nothing(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "image.png"
    Picture.fromarray(RGB).save(path)
    with_chunk(path, b"eXIf", damage)
    image = read_image(path, 0.25)
    np.testing.assert_array_equal(image.pixels, RGB)
    assert image.warnings == ()


@pytest.mark.parametrize("options", [{"subsampling": 0}, {"subsampling": 2}, {"progressive": True}])
def test_jpeg_has_the_colours_of_pillow(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "image.jpg"
    Picture.fromarray(RGB).save(path, quality=97, **options)
    pixels = read_image(path, 0.25).pixels
    with Picture.open(path) as picture:
        assert np.abs(pixels.astype(int) - np.asarray(picture)).mean() < 2


def test_jpeg_of_rgb(tmp_path: Path) -> None:
    path = tmp_path / "image.jpg"
    path.write_bytes(imagecodecs.jpeg_encode(RGB, 97, colorspace="rgb", outcolorspace="rgb"))
    assert np.abs(read_image(path, 0.25).pixels.astype(int) - RGB).mean() < 2


@pytest.mark.parametrize(
    ("name", "picture", "reason"),
    [
        ("a.png", Picture.fromarray(GREY), "greyscale: export it in colour"),
        ("a.png", Picture.fromarray(GREY > 128), "greyscale: "),
        ("a.png", Picture.fromarray(np.dstack([GREY, GREY]), "LA"), "greyscale with alpha: "),
        ("a.jpg", Picture.fromarray(GREY), "greyscale JPEG data, but RGB is needed"),
        ("a.jpg", Picture.fromarray(RGB).convert("CMYK"), "CMYK JPEG data, but RGB is needed"),
    ],
)
def test_other_colours(tmp_path: Path, name: str, picture: Picture.Image, reason: str) -> None:
    picture.save(tmp_path / name)
    assert_refused(tmp_path / name, reason, 0.25)


def test_other_depths(tmp_path: Path) -> None:
    deep = RGB.astype(np.uint16) * 16
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(deep))
    assert_refused(tmp_path / "a.png", "16-bit samples: convert it to 8-bit", 0.25)
    (tmp_path / "a.jpg").write_bytes(imagecodecs.jpeg_encode(deep, 95, bitspersample=12))
    assert_refused(tmp_path / "a.jpg", "12-bit JPEG samples: convert it to 8-bit", 0.25)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.99])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_file_that_was_cut_off(tmp_path: Path, suffix: str, share: float) -> None:
    """libjpeg fills the rest with grey, and says so on stderr alone."""
    path = tmp_path / f"a.{suffix}"
    Picture.fromarray(RGB).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert_refused(path, "truncated or damaged", 0.25)


def test_damaged_jpeg_data(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Picture.fromarray(RGB).save(path, quality=97)
    data = bytearray(path.read_bytes())
    middle = len(data) * 2 // 3
    data[middle : middle + 40] = b"\xaa\x55" * 20
    path.write_bytes(data)
    assert_refused(path, "truncated or damaged", 0.25)


@pytest.mark.parametrize(("suffix", "form"), [(".png", "png"), (".jpg", "mpo")])
def test_of_several_pictures_the_first_is_read_with_a_warning(
    tmp_path: Path, suffix: str, form: str
) -> None:
    """Animated PNG, and the Multi-Picture Format of cameras."""
    path = tmp_path / f"several{suffix}"
    first, second = Picture.fromarray(RGB), Picture.fromarray(255 - RGB)
    first.save(path, form)
    assert read_image(path, 0.25).warnings == ()
    first.save(path, form, save_all=True, append_images=[second])
    image = read_image(path, 0.25)
    assert np.abs(image.pixels.astype(int) - RGB).mean() < 6
    assert image.warnings == ("several pictures in one file: only the first is read",)


@pytest.mark.parametrize(("suffix", "form"), [(".jpg", "jpeg"), (".png", "png")])
@pytest.mark.parametrize("between", [b"", b"\0" * 20])
def test_of_files_joined_to_one_the_first_is_read_with_a_warning(
    tmp_path: Path, suffix: str, form: str, between: bytes
) -> None:
    path = tmp_path / f"joined{suffix}"
    Picture.fromarray(255 - RGB).save(path, form)
    second = path.read_bytes()
    Picture.fromarray(RGB).save(path, form)
    path.write_bytes(path.read_bytes() + between + second)
    image = read_image(path, 0.25)
    assert np.abs(image.pixels.astype(int) - RGB).mean() < 6
    assert image.warnings == ("several pictures in one file: only the first is read",)


def test_zeros_inside_of_a_jpeg_file(tmp_path: Path) -> None:
    path = tmp_path / "hole.jpg"
    Picture.fromarray(RGB).save(path, "jpeg", quality=95)
    data = bytearray(path.read_bytes())
    data[-1000:-980] = bytes(20)
    path.write_bytes(data)
    assert_refused(path, "damaged, encoded pixels are missing or zeros", 0.25)


@pytest.mark.parametrize(
    ("suffix", "per_metre", "unit", "noted"),
    [
        (".png", (2_000_000, 2_000_000), 1, "0.5 x 0.5 µm (pHYs of the PNG file)"),
        (".png", (2_000_000, 4_000_000), 1, "0.5 x 0.25 µm (pHYs of the PNG file)"),
        (".png", (2_000_000, 2_000_000), 0, ""),
        (".png", (4_000_000, 4_000_000), 1, ""),
        (".png", (2835, 2835), 1, ""),
        (".png", (0, 2_000_000), 1, ""),
        (".jpg", (2_000_000, 2_000_000), 2, "0.5 x 0.5 µm (density of the JPEG file)"),
        (".jpg", (2_000_000, 2_000_000), 1, "0.5 x 0.5 µm (density of the JPEG file)"),
        (".jpg", (4_000_000, 4_000_000), 2, ""),
        (".jpg", (2_000_000, 2_000_000), 0, ""),
        (".jpg", (2835, 2835), 1, ""),
        (".jpg", (0, 0), 2, ""),
    ],
)
def test_another_pixel_size_that_is_plausible(
    tmp_path: Path, suffix: str, per_metre: tuple[int, int], unit: int, noted: str
) -> None:
    path = tmp_path / f"image{suffix}"
    Picture.fromarray(RGB).save(path)
    if suffix == ".png":
        with_chunk(path, b"pHYs", struct.pack(">IIB", *per_metre, unit))
    else:
        data = path.read_bytes()
        density = [round(each * {1: 0.0254, 2: 0.01}.get(unit, 0.01)) for each in per_metre]
        assert data[6:11] == b"JFIF\0"
        path.write_bytes(data[:13] + struct.pack(">BHH", unit, *density) + data[18:])
    image = read_image(path, 0.25)
    assert image.mpp == (0.25, 0.25)
    assert image.warnings == ((f"0.25 x 0.25 µm (--mpp) replaces {noted}",) if noted else ())


def test_a_damaged_pixel_size_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    Picture.fromarray(RGB).save(path)
    with_chunk(path, b"pHYs", b"\0\x1e\x84\x80")
    assert read_image(path, 0.25).warnings == ()
