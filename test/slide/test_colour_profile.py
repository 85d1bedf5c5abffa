"""Colour profiles: which are warned about, by what littleCMS makes of them."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from PIL import Image as Picture
from PIL import ImageCms

from slide.colour_profile import (
    code_points_warning,
    gamma_warning,
    profile_warning,
    reference_warning,
    transfer_warning,
)
from slide.read import read_image
from slide.whole_slide import WholeSlide
from test.slide.builders import RGB, write_any_tiff
from test.slide.slides import Kind, pixels_on_glass, write_slide
from test.slide.test_photo import with_chunk
from test.slide.tiff.builders import RATIONAL, SHORT, edit_ifd

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LINEAR = b"curv" + bytes(8)
IGNORED = "its colour profile, which is ignored, shows a grey of 128 as 188: convert it to sRGB"


def with_curve(curve: bytes) -> bytes:
    """The profile of sRGB with another tone curve of at most 32 bytes for all colours."""
    profile = bytearray(SRGB)
    for place in range(132, 132 + 12 * profile[131], 12):
        name, start, size = struct.unpack_from(">4sII", profile, place)
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            assert len(curve) <= size
            profile[start : start + size] = curve.ljust(size, b"\0")
    return bytes(profile)


def function(kind: int, *values: float) -> bytes:
    fixed = struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))
    return b"para" + bytes(4) + struct.pack(">HH", kind, 0) + fixed


def stored(light: float) -> float:
    """Grey level of sRGB that shows light of 0 to 1."""
    return 255 * (1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize(
    ("curve", "light"),
    [
        (LINEAR, 128 / 255),
        (b"curv" + bytes(4) + struct.pack(">IH", 1, round(1.3 * 256)), (128 / 255) ** 1.3),
        (b"curv" + bytes(4) + struct.pack(">IH", 1, round(3.5 * 256)), (128 / 255) ** 3.5),
        (b"curv" + bytes(4) + struct.pack(">I5H", 5, 0, 9000, 41000, 50000, 65535), 0.627),
        (function(0, 1.2), (128 / 255) ** 1.2),
        (function(1, 1.2, 0.9, 0.1), (0.9 * 128 / 255 + 0.1) ** 1.2),
    ],
)
def test_profiles_far_from_srgb(curve: bytes, light: float) -> None:
    (warning,) = profile_warning(with_curve(curve))
    shown = int(warning.split(" as ")[1].split(":")[0])
    assert shown == pytest.approx(stored(light), abs=1.5)
    assert abs(shown - 128) > 32


@pytest.mark.parametrize("gamma", [1.8, 2.2, 2.4])
def test_profiles_close_to_srgb(gamma: float) -> None:
    assert profile_warning(SRGB) == ()
    assert profile_warning(with_curve(function(0, gamma))) == ()
    assert abs(stored((128 / 255) ** gamma) - 128) <= 32


def test_profiles_of_other_colours_say_nothing() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert profile_warning(lab) == ()


def test_damaged_profiles_say_nothing() -> None:
    profile = with_curve(LINEAR)
    for part in (b"", b"garbage" * 99, profile[:140], profile[:131] + b"\xff" + profile[132:200]):
        assert profile_warning(part) == ()


def test_every_kind_of_file(tmp_path: Path) -> None:
    profile = with_curve(LINEAR)
    for suffix in (".png", ".jpg", ".tif"):
        path = tmp_path / f"a{suffix}"
        for used, warnings in ((profile, (IGNORED,)), (SRGB, ())):
            if suffix == ".tif":
                write_any_tiff(path, RGB, photometric="rgb", iccprofile=used)
            else:
                Picture.fromarray(RGB).save(path, icc_profile=used)
            assert read_image(path, 0.25).warnings == warnings


def test_a_profile_in_several_parts_of_a_jpeg_file(tmp_path: Path) -> None:
    Picture.fromarray(RGB).save(tmp_path / "a.jpg", icc_profile=with_curve(LINEAR) + bytes(100_000))
    assert read_image(tmp_path / "a.jpg", 0.25).warnings == (IGNORED,)


def test_gamma_of_png(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    for gamma, srgb, count in ((100_000, False, 1), (45_455, False, 0), (100_000, True, 0)):
        Picture.fromarray(RGB).save(path)
        with_chunk(path, b"gAMA", struct.pack(">I", gamma))
        if srgb:
            with_chunk(path, b"sRGB", b"\0")
        assert len(read_image(path, 0.25).warnings) == count
    assert gamma_warning(b"") == gamma_warning(bytes(4)) == ()
    assert gamma_warning(b"\0\0\0\1") != ()


@pytest.mark.parametrize(
    ("codes", "is_warned"),
    [
        ((1, 13, 0, 1), False),
        ((12, 13, 0, 1), False),
        ((1, 1, 0, 1), False),
        ((9, 16, 0, 1), True),  # BT.2020 with PQ
        ((9, 14, 0, 1), True),
        ((1, 8, 0, 1), True),  # linear
        ((1, 18, 0, 1), True),  # HLG
        ((1, 13, 0, 0), True),  # black is 16
    ],
)
def test_code_points_of_png(tmp_path: Path, codes: tuple[int, ...], is_warned: bool) -> None:
    path = tmp_path / "a.png"
    Picture.fromarray(RGB).save(path)
    with_chunk(path, b"gAMA", struct.pack(">I", 100_000))  # for readers without cICP
    with_chunk(path, b"cICP", bytes(codes))
    warnings = read_image(path, 0.25).warnings
    expected = f"its cICP chunk, which is ignored, states other colours ({str(codes)[1:-1]})"
    assert [w.split(":")[0] for w in warnings] == [expected] * is_warned
    assert code_points_warning(b"\1") == ()


def curve(gamma: float) -> list[float]:
    return [round(65535 * (value / 255) ** gamma) for value in range(256)]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("gamma", "is_warned"), [(2.2, False), (1.8, False), (1.0, True)])
def test_transfer_function_of_tiff(
    tmp_path: Path, gamma: float, count: int, is_warned: bool
) -> None:
    path = tmp_path / "a.tif"
    write_any_tiff(path, RGB, photometric="rgb")
    edit_ifd(path, [(301, SHORT, curve(gamma) * count)])
    warnings = read_image(path).warnings
    assert len(warnings) == is_warned
    if is_warned:
        assert warnings[0].startswith("its TransferFunction, which is ignored, shows a grey of 128")
    assert transfer_warning([1, 2]) == ()


@pytest.mark.parametrize(
    ("reference", "is_warned"),
    [
        ((0, 255) * 3, False),
        ((0, 255, 128, 255, 128, 255), False),  # of YCbCr, as some writers leave it
        ((16, 235) * 3, True),
        ((0, 128) * 3, True),
    ],
)
def test_reference_black_and_white_of_tiff(
    tmp_path: Path, reference: tuple[int, ...], is_warned: bool
) -> None:
    path = tmp_path / "a.tif"
    write_any_tiff(path, RGB, photometric="rgb")
    edit_ifd(path, [(532, RATIONAL, [part for value in reference for part in (value, 1)])])
    warnings = read_image(path).warnings
    assert len(warnings) == is_warned
    if is_warned:
        assert warnings[0].startswith("its ReferenceBlackWhite (")
    assert reference_warning((1, 2)) == ()


@pytest.mark.parametrize("kind", ["pages", "svs"])
def test_profiles_of_slides(tmp_path: Path, kind: Kind) -> None:
    """By tifffile and by OpenSlide."""
    pixels = pixels_on_glass((600, 500), {})
    for used, warnings in ((with_curve(LINEAR), (IGNORED,)), (SRGB, ()), (b"garbage" * 9, ())):
        path = tmp_path / f"a.{'svs' if kind == 'svs' else 'tif'}"
        slide = WholeSlide(write_slide(path, pixels, kind, iccprofile=used))
        assert slide.warnings == warnings
        slide.close()
