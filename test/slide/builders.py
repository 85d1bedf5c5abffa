"""Image files for the tests of reading, and what a refusal must look like."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import SimpleITK as sitk
import tifffile

from slide.image import ImageError
from slide.read import read_image
from test.rendering import render_tissue

HEIGHT, WIDTH = 96, 80  # unequal, so that a swap of x and y shows
RGB = render_tissue((HEIGHT, WIDTH), figures=0, seed=5)[0]
OPAQUE = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
PLANES = np.moveaxis(RGB, -1, 0).copy()
GREY = RGB[..., 0].copy()
DAMAGED = "truncated|damaged|cannot be read|cannot be decoded|not a MetaImage|without any page"


def as_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    """The pixels after compression."""
    data = io.BytesIO()
    PIL.Image.fromarray(pixels).save(data, "JPEG", quality=quality)
    return np.asarray(PIL.Image.open(data))


def write_any_tiff(path: Path, pixels: np.ndarray, **options: Any) -> None:
    """Any array at 0.25 µm per pixel, with tifffile's options."""
    resolution = {"resolution": (40000, 40000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, pixels, **resolution | options)


def write_pyramid(path: Path, pixels: np.ndarray, subifds: bool, **options: Any) -> None:
    """Two levels, the second in a SubIFD or on a separate page."""
    with tifffile.TiffWriter(path) as writer:
        options |= {"photometric": "rgb", "metadata": None}
        base: dict[str, Any] = {
            "resolution": (40000, 40000),
            "resolutionunit": 3,
            "subifds": int(subifds),
        }
        writer.write(pixels, **options, **base)
        writer.write(pixels[::2, ::2].copy(), **options, subfiletype=int(subifds))


def write_mha(path: Path, pixels: np.ndarray, **place: Any) -> None:
    image = sitk.GetImageFromArray(pixels, isVector=True)
    image.SetSpacing(place.get("spacing", (0.00025, 0.00025)))
    image.SetOrigin(place.get("origin", (0.0, 0.0)))
    if "direction" in place:
        image.SetDirection(place["direction"])
    sitk.WriteImage(image, str(path), useCompression=place.get("compressed", False))


def patch_tag(path: Path, name: str, value: int) -> None:
    """Overwrite a one-number tag's value in place."""
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages.first.tags[name].overwrite(value)


def assert_refused(path: Path, reason: str, mpp: float | None = None) -> None:
    with pytest.raises(ImageError, match=reason) as refusal:
        read_image(path, mpp)
    text = str(refusal.value)
    assert "\n" not in text and path.name not in text
    assert ": " in text, "a remedy follows the reason"
