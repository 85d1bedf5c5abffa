"""Overlays: the size of the image, marks where the detections are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from report.overlay import (
    FIGURE_COLOUR,
    OVERLAY_FILE,
    THUMBNAIL_FILE,
    THUMBNAIL_SIDE,
    write_overlay,
)
from report.saved import Saved
from test.report.builders import result_of


def test_marks_stand_where_the_detections_are(tmp_path: Path) -> None:
    pixels = np.full((1500, 2048, 3), 200, np.uint8)
    detection = {"x": 1000, "y": 700, "probability": 0.9, "probability_without_adaptation": 0.9}
    other = detection | {"x": 300, "probability": 0.1}
    result = result_of("a.tif", size_px=[2048, 1500], detections=[detection, other])
    write_overlay(Saved(tmp_path, result), pixels)
    full = np.asarray(Image.open(tmp_path / OVERLAY_FILE))
    small = np.asarray(Image.open(tmp_path / THUMBNAIL_FILE))
    assert full.shape == (1500, 2048, 3) and small.shape == (750, THUMBNAIL_SIDE, 3)
    y, x = np.nonzero((full[600:800, 800:1031] == FIGURE_COLOUR).all(axis=2))
    np.testing.assert_allclose([x.min() + 800, y.max() + 600], [970, 730], atol=1)
    assert (full[:, :400] != 200).any() and not (small[:, :200] != 200).any()
    assert (pixels == 200).all(), "the image itself stays as it is"
