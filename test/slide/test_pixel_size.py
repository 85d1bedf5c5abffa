"""Pixel sizes: of the file, or stated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from slide.read import read_image
from test.slide.builders import RGB, assert_refused, write_any_tiff, write_mha
from training.tiff import write_tiff


@pytest.mark.parametrize(
    ("resolution", "unit", "expected"),
    [
        ((40000, 40000), "CENTIMETER", (0.25, 0.25)),
        ((101600, 101600), "INCH", (0.25, 0.25)),
        ((40000, 20000), "CENTIMETER", (0.25, 0.5)),
        ((50800, 101600), "INCH", (0.5, 0.25)),
        ((1e4 / 0.2456, 1e4 / 0.2275), "CENTIMETER", (0.2456, 0.2275)),
    ],
)
def test_resolution_tags(
    tiff: Path, resolution: tuple[float, float], unit: str, expected: tuple[float, float]
) -> None:
    write_any_tiff(tiff, RGB, photometric="rgb", resolution=resolution, resolutionunit=unit)
    image = read_image(tiff)
    np.testing.assert_allclose(image.mpp, expected, rtol=1e-6)
    warned = [text.startswith("pixels are not square, ") for text in image.warnings]
    assert warned == [True] * (expected[0] != expected[1])
    reader = sitk.ImageFileReader()  # the platform's own reading of the same tags
    reader.SetFileName(str(tiff))
    reader.ReadImageInformation()
    np.testing.assert_allclose(image.spacing, reader.GetSpacing(), rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"resolution": None, "resolutionunit": None}, "no pixel size in the file.*: .*--mpp"),
        ({"resolutionunit": "NONE"}, "no pixel size in the file.*: .*--mpp"),
        ({"resolution": (0, 0)}, "no pixel size in the file.*: .*--mpp"),
        ({"resolution": (40000, 0)}, "no pixel size in the file.*: .*--mpp"),
        (
            {"resolution": (72, 72), "resolutionunit": "INCH"},
            r"pixel size 352.8 x 352.8 µm is implausible \(expected 0.1 to 1.0\): .*--mpp",
        ),
        ({"resolution": (40000, 9999)}, "0.25 x 1 µm is implausible"),
        ({"resolution": (100001, 40000)}, "0.1 x 0.25 µm is implausible"),
    ],
)
def test_bad_resolution_is_refused_and_cured(
    tiff: Path, options: dict[str, Any], reason: str
) -> None:
    write_any_tiff(tiff, RGB, photometric="rgb", **options)
    assert_refused(tiff, reason)
    assert read_image(tiff, mpp=0.23).spacing == (0.00023, 0.00023)


def test_mha_without_spacing_is_refused_and_cured(tmp_path: Path) -> None:
    path = tmp_path / "image.mha"
    write_mha(path, RGB, spacing=(1.0, 1.0), origin=(3.0, 4.0))
    assert_refused(path, "no pixel size in the file")
    image = read_image(path, mpp=0.25)
    assert image.spacing == (0.00025, 0.00025) and image.origin == (3.0, 4.0)


@pytest.mark.parametrize("mpp", [0.0, -0.25, 25.0, float("nan"), float("inf")])
def test_stated_pixel_size_must_be_plausible(tiff: Path, mpp: float) -> None:
    write_tiff(tiff, RGB, 0.25)
    assert_refused(tiff, "is implausible", mpp)


def test_stated_pixel_size_replaces_the_file_s(tiff: Path) -> None:
    write_tiff(tiff, RGB, 0.25)
    assert read_image(tiff, mpp=0.4).mpp == pytest.approx((0.4, 0.4))
