"""Geometry: pixels to millimetres."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from slide.image import Image
from test.slide.builders import RGB


def test_to_millimetres_is_index_times_spacing_plus_origin() -> None:
    image = Image(RGB, spacing=(0.00025, 0.0005), origin=(1.0, -2.0))
    points = np.array([[10, 20], [0, 0]], np.float32)
    np.testing.assert_allclose(image.to_millimetres(points), [[1.0025, -1.99], [1.0, -2.0]])
    itk = sitk.Image(4, 4, sitk.sitkUInt8)
    itk.SetSpacing(image.spacing)
    itk.SetOrigin(image.origin)
    expected = itk.TransformContinuousIndexToPhysicalPoint((10.0, 20.0))
    np.testing.assert_allclose(image.to_millimetres(points)[0], expected)
    assert image.to_millimetres(np.empty((0, 2))).shape == (0, 2)
