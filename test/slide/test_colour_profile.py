"""Colour profiles: which are warned about, by what littleCMS makes of them."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from PIL import ImageCms

from slide.colour_profile import gamma_warning, profile_warning
from slide.read import read_image
from test.slide.builders import RGB, write_any_tiff
from test.slide.test_photo import with_chunk

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


def shown_by_littlecms(profile: bytes) -> int:
    """The grey of sRGB that a grey of 128 becomes."""
    grey = Picture.fromarray(np.full((1, 1, 3), 128, np.uint8))
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    relative = ImageCms.Intent.RELATIVE_COLORIMETRIC  # without compensation of the black point
    seen = ImageCms.profileToProfile(grey, source, ImageCms.createProfile("sRGB"), relative)
    assert seen is not None
    return int(np.asarray(seen)[0, 0, 1])


@pytest.mark.parametrize(
    "curve",
    [
        LINEAR,
        b"curv" + bytes(4) + struct.pack(">IH", 1, round(1.3 * 256)),
        b"curv" + bytes(4) + struct.pack(">IH", 1, round(3.5 * 256)),
        b"curv" + bytes(4) + struct.pack(">I5H", 5, 0, 9000, 41000, 50000, 65535),
        function(0, 1.2),
        function(1, 1.2, 0.9, 0.1),
        function(3, 1.1, 0.948, 0.052, 0.077, 0.04),
    ],
)
def test_warnings_are_those_of_littlecms(curve: bytes) -> None:
    profile = with_curve(curve)
    (warning,) = profile_warning(profile)
    shown = int(warning.split(" as ")[1].split(":")[0])
    assert abs(shown - shown_by_littlecms(profile)) <= 1
    assert abs(shown - 128) > 32


@pytest.mark.parametrize("gamma", [1.8, 2.2, 2.4])
def test_profiles_close_to_srgb(gamma: float) -> None:
    assert profile_warning(SRGB) == ()
    profile = with_curve(function(0, gamma))
    assert profile_warning(profile) == ()
    assert abs(shown_by_littlecms(profile) - 128) <= 32


def test_damaged_profiles_say_nothing() -> None:
    profile = with_curve(LINEAR)
    for part in (b"", b"garbage" * 99, profile[:140], profile[:131] + b"\xff" + profile[132:200]):
        assert profile_warning(part) == ()
    assert profile_warning(with_curve(function(1, 1.0, 0.0, 0.0))) == (), "divides by zero"
    assert profile_warning(with_curve(function(3, 0.5, 1.0, -9.0, 0.0, 0.0))) == ()
    assert profile_warning(with_curve(b"curv" + bytes(4) + b"\xff" * 20)) == ()


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
