"""SimpleITK's readers: one named reader at a time, and copies of its pixels.

SimpleITK is imported by the first file that needs it: that takes 50 ms, a thirtieth of the start.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from slide.orientation import as_stored

if TYPE_CHECKING:
    import SimpleITK as sitk

UINT8 = "8-bit unsigned integer"


def open_reader(path: Path, name: str) -> sitk.ImageFileReader:
    """A reader that tries the ImageIO `name` alone, whatever the content looks like."""
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO(name)  # the suffix decides, so that no other format's parser is reached
    return reader


def kind_of_samples(reader: sitk.ImageFileReader) -> str:
    """UINT8, "32-bit float" …, by the header that has been read."""
    import SimpleITK as sitk

    kind: str = sitk.GetPixelIDValueAsString(reader.GetPixelID())
    return kind.removeprefix("vector of ")


def read_samples(
    reader: sitk.ImageFileReader, samples: int | None = None, orientation: int = 1
) -> np.ndarray:
    """(height, width, samples) uint8; a copy, as ITK's memory goes with its image.

    samples: how many to keep, None for all. orientation: of a TIFF file, by which libtiff mirrors
    some pixels; they come back as they are stored.
    """
    import SimpleITK as sitk

    image = reader.Execute()
    width, height = image.GetSize()[:2]
    view = sitk.GetArrayViewFromImage(image).reshape(height, width, -1)
    return np.array(as_stored(view, orientation)[..., :samples], order="C")
