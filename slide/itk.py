"""Decoding by SimpleITK: MetaImage, PNG and JPEG files, and the pixels of most TIFF files."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from slide.checks import CONVERT_TO_8_BITS, EXPORT_AGAIN, EXPORT_IN_COLOUR, SAVE_PAGE, check_size
from slide.image import Image, ImageError
from slide.memory import BY_RGBA, COPIED, MemoryBudget, check_memory
from slide.pixel_size import choose_spacing

READERS = {
    ".mha": "MetaImageIO",
    ".png": "PNGImageIO",
    ".jpg": "JPEGImageIO",
    ".jpeg": "JPEGImageIO",
}


def read_with_itk(path: Path, mpp: float | None, budget: MemoryBudget | None) -> Image:
    """Read a file of one of the suffixes in READERS; arguments and errors as for read_image."""
    name = READERS[path.suffix.lower()]
    if name == "MetaImageIO":
        _check_pixels_inside(path)
    reader = open_reader(path, name)
    reader.ReadImageInformation()
    _check_header(reader)
    size, origin = reader.GetSize()[:2], reader.GetOrigin()
    stated = None if reader.GetSpacing()[:2] == (1.0, 1.0) else reader.GetSpacing()
    spacing = choose_spacing(stated, mpp)
    decoding = COPIED if reader.GetNumberOfComponents() == 3 else BY_RGBA
    check_memory(size, spacing, decoding, budget)
    return Image(read_pixels(reader), spacing, (origin[0], origin[1]))


def open_reader(path: Path, name: str) -> sitk.ImageFileReader:
    """A reader that tries the ImageIO `name` alone, whatever the content looks like."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO(name)  # the suffix decides, so that no other format's parser is reached
    return reader


def read_pixels(reader: sitk.ImageFileReader) -> np.ndarray:
    """(height, width, 3) uint8, alpha left out; a copy, as ITK's memory goes with its image."""
    image = reader.Execute()
    width, height = image.GetSize()[:2]
    view = sitk.GetArrayViewFromImage(image).reshape(height, width, -1)
    return np.array(view[..., :3], order="C")


def _check_header(reader: sitk.ImageFileReader) -> None:
    size, components = reader.GetSize(), reader.GetNumberOfComponents()
    check_size(size[:2])
    if math.prod(size[2:]) != 1:
        raise ImageError(f"{math.prod(size[2:])} slices, but one image is needed: {SAVE_PAGE}")
    if components not in (3, 4):
        kind = "greyscale" if components < 3 else f"{components} channels"
        raise ImageError(f"{kind}: {EXPORT_IN_COLOUR}")
    if reader.GetPixelID() not in (sitk.sitkUInt8, sitk.sitkVectorUInt8):
        kind = sitk.GetPixelIDValueAsString(reader.GetPixelID()).removeprefix("vector of ")
        raise ImageError(f"{kind} samples: {CONVERT_TO_8_BITS}")
    if not np.allclose(reader.GetDirection(), np.eye(len(size)).ravel()):
        raise ImageError("its axes are turned (direction matrix): save it with identity direction")


def _check_pixels_inside(path: Path) -> None:
    """A MetaImage header may name any other file for its pixels; an .mha holds its own."""
    with path.open("rb") as file:
        header = file.read(1 << 16)
    source = re.search(rb"^ElementDataFile\s*=\s*(.*?)\s*$", header, re.MULTILINE)
    if source is None:
        raise ImageError(f"not a MetaImage file, or damaged: {EXPORT_AGAIN}")
    if source[1] != b"LOCAL":
        raise ImageError(
            "its pixels are in another file: save it as one .mha with the pixels in it"
        )
    if re.search(
        rb"^(Offset|Origin|Position)\s*=.*(nan|inf)", header[: source.start()], re.M | re.I
    ):
        raise ImageError("its origin is no place: save it with a finite one")  # ITK takes 0 for it
