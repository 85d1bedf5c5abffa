"""Orientation: the stored frame for every codec, and a warning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from slide.read import read_image
from test.slide.tiff.builders import RGB, SHORT, edit_ifd, write

JPEG = {"compression": "jpeg"}
TILED: dict[str, Any] = {"tile": (64, 64)}
LAYOUTS: dict[str, dict[str, Any]] = {
    "raw": {},
    "deflate tiles": {"compression": "zlib", **TILED},
    "JPEG tiles": {**JPEG, **TILED},
    "JPEG strips": {**JPEG, "rowsperstrip": 32},
    "JPEG 4:2:0": {**JPEG, **TILED, "subsampling": (2, 2)},
    "JPEG of RGB, strips": {**JPEG, "compressionargs": {"outcolorspace": "rgb"}},
    "JPEG 2000": {"compression": "jpeg2000", **TILED},
}


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("options", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_pixels_stay_as_stored(tiff: Path, options: dict[str, Any], orientation: int) -> None:
    write(tiff, **options)
    upright = read_image(tiff)
    assert upright.warnings == () and upright.pixels.shape == RGB.shape
    edit_ifd(tiff, [(274, SHORT, [orientation])])
    image = read_image(tiff)
    np.testing.assert_array_equal(image.pixels, upright.pixels)
    by_tifffile = tifffile.imread(tiff)  # which ignores the tag
    assert np.abs(image.pixels.astype(int) - by_tifffile).mean() < 2
    (warning,) = image.warnings
    assert warning.startswith(f"Orientation {orientation} is ignored")


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_lossless_file_that_only_simpleitk_reads(tiff: Path, orientation: int) -> None:
    """Its last strip is as long as the others."""
    full = np.concatenate([RGB, RGB[:42]])
    write(tiff, full, rowsperstrip=64, compression="zlib")
    edit_ifd(tiff, [(257, SHORT, [len(RGB)]), (274, SHORT, [orientation])])
    np.testing.assert_array_equal(read_image(tiff).pixels, RGB)


@pytest.mark.parametrize("value", [0, 1, 9, 65535])
def test_other_values_say_nothing(tiff: Path, value: int) -> None:
    write(tiff)
    edit_ifd(tiff, [(274, SHORT, [value])])
    image = read_image(tiff)
    np.testing.assert_array_equal(image.pixels, RGB)
    assert image.warnings == ()
