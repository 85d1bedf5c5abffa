"""MetaImage: what is read, and what is refused with its reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from slide.appearance import measure
from slide.quality import judge
from slide.read import read_image
from slide.tissue import find_tissue
from test.rendering import render_tissue
from test.slide.builders import GREY, OPAQUE, RGB, assert_refused, write_mha


@pytest.mark.parametrize("compressed", [False, True])
def test_mha_carries_spacing_and_origin(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "image.mha"
    place = {"spacing": (0.00023, 0.00046), "origin": (1.5, -2.5)}
    write_mha(path, RGB, compressed=compressed, **place)
    image = read_image(path.rename(tmp_path / "image.MHA"))
    np.testing.assert_array_equal(image.pixels, RGB)
    assert image.spacing == (0.00023, 0.00046) and image.origin == (1.5, -2.5)


def test_mha_with_alpha_or_a_single_slice(tmp_path: Path) -> None:
    write_mha(tmp_path / "alpha.mha", np.dstack([RGB, OPAQUE]))
    image = read_image(tmp_path / "alpha.mha")
    np.testing.assert_array_equal(image.pixels, RGB)
    assert image.warnings == ()
    write_mha(tmp_path / "clear.mha", np.dstack([RGB, 0 * OPAQUE]))
    assert_refused(tmp_path / "clear.mha", "its alpha channel makes all of it transparent")
    write_mha(tmp_path / "half.mha", np.dstack([RGB, OPAQUE // 2]))
    image = read_image(tmp_path / "half.mha")
    assert image.pixels.min() >= 127 and len(image.warnings) == 2
    place = {"spacing": (0.00025, 0.0005, 1), "origin": (1, 2, 3)}
    write_mha(tmp_path / "slice.mha", RGB[None], **place)
    image = read_image(tmp_path / "slice.mha")
    np.testing.assert_array_equal(image.pixels, RGB)
    assert image.spacing == (0.00025, 0.0005) and image.origin == (1, 2)


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (GREY[..., None], "greyscale: export it in colour"),
        (np.dstack([GREY, GREY]), "greyscale with alpha: export it in colour"),
        (np.dstack([RGB, RGB]), "6 channels"),
        (RGB.astype(np.uint16), "16-bit unsigned integer samples: convert it to 8-bit RGB"),
        (np.stack([RGB, RGB, RGB]), "3 slices, but one image is needed: save the one"),
    ],
)
def test_other_kinds_of_mha(tmp_path: Path, pixels: np.ndarray, reason: str) -> None:
    path = tmp_path / "image.mha"
    write_mha(path, pixels, spacing=(0.00025,) * (pixels.ndim - 1), origin=(0,) * (pixels.ndim - 1))
    assert_refused(path, reason)


def test_mha_with_turned_axes_or_pixels_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "image.mha"
    write_mha(path, RGB, direction=(-1.0, 0.0, 0.0, 1.0))
    assert_refused(path, "axes are rotated .*: save it with identity direction")
    write_mha(path, RGB)
    (tmp_path / "other.raw").write_bytes(RGB.tobytes())
    path.write_bytes(path.read_bytes().replace(b"= LOCAL", b"= other.raw"))
    assert_refused(path, "pixels are in another file: save it as one .mha")


def test_mha_without_area(tmp_path: Path) -> None:
    path = tmp_path / "image.mha"
    write_mha(path, RGB)
    path.write_bytes(path.read_bytes().replace(b"DimSize = 80 96", b"DimSize = 80 0"))
    assert_refused(path, "damaged or without area|cannot be decoded")


def change(path: Path, **fields: str | None) -> None:
    """Replace fields of the header; None leaves one out."""
    head, _, pixels = path.read_bytes().partition(b"ElementDataFile = LOCAL\n")
    lines = dict(line.split(" = ", 1) for line in head.decode().splitlines())
    for name, value in fields.items():
        lines.pop(name, None)
        if value is not None:
            lines[name] = value
    text = "".join(f"{name} = {value}\n" for name, value in lines.items())
    path.write_bytes(text.encode() + b"ElementDataFile = LOCAL\n" + pixels)


@pytest.mark.parametrize("size", [None, "0", "10", "99999999", "-1"])
def test_a_wrong_compressed_size_changes_no_pixel(tmp_path: Path, size: str | None) -> None:
    """MetaIO reads as many bytes, and fills the rest of the image with what is in memory."""
    path = tmp_path / "image.mha"
    write_mha(path, RGB, compressed=True)
    change(path, CompressedDataSize=size)
    np.testing.assert_array_equal(read_image(path).pixels, RGB)


@pytest.mark.parametrize(
    ("compressed", "fields", "reason"),
    [
        (False, {"DimSize": "80 48"}, "damaged, it holds more than the 11520 bytes of pixels"),
        (True, {"DimSize": "80 48"}, "damaged, it holds more than the 11520 bytes of pixels"),
        (False, {"DimSize": "80 97"}, "truncated, the last 240 bytes are missing"),
        (True, {"DimSize": "80 97"}, "truncated, the last 240 bytes of pixels are missing"),
        (False, {"CompressedData": "True"}, "cannot be read .*decompress"),
        (True, {"CompressedData": "False"}, "truncated, the last .* bytes are missing"),
        (False, {"HeaderSize": "100"}, "it skips bytes before its pixels"),
        (False, {"BinaryData": "False"}, "its pixels are written as text: save it again"),
        (False, {"Offset": "inf 0"}, "invalid origin: save it with a finite one"),
        (False, {"Offset": "1e300 0"}, "invalid origin: save it with one near the image"),
        (False, {"ElementSize": "0.0005 0.0005"}, r"two pixel sizes, .*\(ElementSize\)"),
        (False, {"DistanceUnits": "um"}, r"no pixel size in the file \(DistanceUnits: 'um' is not"),
        (False, {"ElementSpacing": "-0.00025 0.00025"}, "a negative pixel size .ElementSpacing"),
        (False, {"NDims": "2\nElementSpacing = 0.0005 0.0005"}, "stated more than once"),
        (False, {"ElementSpacing": "0.00025"}, "^ElementSpacing has 1 of 2 values: save it again"),
        (False, {"DimSize": "80"}, "^DimSize has 1 of 2 values: save it again"),
        (False, {"ElementSpacing": "0.25 0.25"}, "pixel size 250 x 250 µm is implausible"),
    ],
)
def test_a_header_that_does_not_fit(
    tmp_path: Path, compressed: bool, fields: dict[str, str], reason: str
) -> None:
    path = tmp_path / "image.mha"
    write_mha(path, RGB, compressed=compressed)
    change(path, **fields)
    assert_refused(path, reason)


def test_element_size_where_no_spacing_is_stated(tmp_path: Path) -> None:
    path = tmp_path / "image.mha"
    write_mha(path, RGB)
    change(path, ElementSpacing=None, ElementSize="0.0005 0.0005")
    assert read_image(path).mpp == (0.5, 0.5)


def test_pixels_are_those_of_simpleitk(tmp_path: Path) -> None:
    path = tmp_path / "image.mha"
    for compressed in (False, True):
        write_mha(path, RGB, compressed=compressed)
        expected = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        np.testing.assert_array_equal(read_image(path).pixels, expected)


def test_exchanged_width_and_height_are_noticed_in_the_verdict(tmp_path: Path) -> None:
    """The number of bytes is the same."""
    path = tmp_path / "exchanged.mha"
    pixels = render_tissue((480, 640), figures=0, seed=8)[0]
    write_mha(path, pixels)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"DimSize = 640 480", b"DimSize = 480 640"))
    image = read_image(path)
    assert image.size == (480, 640)
    assert judge(measure(image.pixels, find_tissue(image.pixels, 0.25))) == [
        "rows do not continue each other: wrong width and height, or blurred by movement"
    ]
