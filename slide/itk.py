"""SimpleITK's readers: one named reader at a time, and copies of its pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from slide.orientation import as_stored


def open_reader(path: Path, name: str) -> sitk.ImageFileReader:
    """A reader that tries the ImageIO `name` alone, whatever the content looks like."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO(name)  # the suffix decides, so that no other format's parser is reached
    return reader


def read_samples(
    reader: sitk.ImageFileReader, samples: int | None = None, orientation: int = 1
) -> np.ndarray:
    """(height, width, samples) uint8; a copy, as ITK's memory goes with its image.

    samples: how many to keep, None for all. orientation: of a TIFF file, by which libtiff mirrors
    some pixels; they come back as they are stored.
    """
    image = reader.Execute()
    width, height = image.GetSize()[:2]
    view = sitk.GetArrayViewFromImage(image).reshape(height, width, -1)
    return np.array(as_stored(view, orientation)[..., :samples], order="C")
