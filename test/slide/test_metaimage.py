"""MetaImage, PNG and JPEG files: what is read, and what is refused with its reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from slide.read import read_image
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
    np.testing.assert_array_equal(read_image(tmp_path / "alpha.mha").pixels, RGB)
    place = {"spacing": (0.00025, 0.0005, 1), "origin": (1, 2, 3)}
    write_mha(tmp_path / "slice.mha", RGB[None], **place)
    image = read_image(tmp_path / "slice.mha")
    np.testing.assert_array_equal(image.pixels, RGB)
    assert image.spacing == (0.00025, 0.0005) and image.origin == (1, 2)


def test_png_and_jpeg_need_a_stated_pixel_size(tmp_path: Path) -> None:
    for suffix, tolerance in ((".png", 0), (".jpg", 6)):
        path = tmp_path / f"image{suffix}"
        sitk.WriteImage(sitk.GetImageFromArray(RGB, isVector=True), str(path))
        assert_refused(path, rf"{suffix} files carry no trustworthy pixel size: .*--mpp")
        image = read_image(path, mpp=0.5)
        assert np.abs(image.pixels.astype(int) - RGB).mean() <= tolerance
        assert image.mpp == (0.5, 0.5)


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
    assert_refused(path, "axes are turned .*: save it with identity direction")
    write_mha(path, RGB)
    (tmp_path / "other.raw").write_bytes(RGB.tobytes())
    path.write_bytes(path.read_bytes().replace(b"= LOCAL", b"= other.raw"))
    assert_refused(path, "pixels are in another file: save it as one .mha")


def test_mha_without_area(tmp_path: Path) -> None:
    path = tmp_path / "image.mha"
    write_mha(path, RGB)
    path.write_bytes(path.read_bytes().replace(b"DimSize = 80 96", b"DimSize = 80 0"))
    assert_refused(path, "damaged or without area|cannot be decoded")
