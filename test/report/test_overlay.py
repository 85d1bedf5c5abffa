"""Overlays: the size of the image, marks where the detections are."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import process
from batch.layout import OVERLAY_FILE, THUMBNAIL_FILE
from report.overlay import (
    FIGURE_COLOUR,
    THUMBNAIL_SIDE,
    overlays,
)
from report.saved import Saved
from report.write import write
from test.rendering import render_tissue
from test.report.builders import parsed, result_of
from training.tiff import write_tiff


@pytest.mark.slow
def test_costs_little_of_a_run(tmp_path: Path) -> None:
    """Under a tenth of the processor time of a detection with the shipped weights; on tissue, and
    at the challenge's size, in test_at_size.py."""
    (tmp_path / "in").mkdir()
    write_tiff(tmp_path / "in" / "a.tif", render_tissue((700, 700), figures=5, seed=2)[0], 0.25)
    times = [time.process_time()]
    assert process.main(["--input", str(tmp_path / "in"), "--output", str(tmp_path / "out")]) == 0
    times.append(time.process_time())
    assert write(tmp_path / "out", ["overlay"]) == []
    times.append(time.process_time())
    detection, overlay = np.diff(times)
    assert overlay < 0.1 * detection


def test_marks_stand_where_the_detections_are(tmp_path: Path) -> None:
    pixels = np.full((1500, 2048, 3), 200, np.uint8)
    detection = {"x": 1000, "y": 700, "probability": 0.9, "probability_without_adaptation": 0.9}
    other = detection | {"x": 300, "probability": 0.1}
    result = result_of("a.tif", size_px=[2048, 1500], detections=[detection, other])
    files = dict(overlays(Saved(tmp_path, parsed(result)), pixels))
    full, small = (
        np.asarray(Image.open(io.BytesIO(files[name]))) for name in (OVERLAY_FILE, THUMBNAIL_FILE)
    )
    assert full.shape == (1500, 2048, 3) and small.shape == (750, THUMBNAIL_SIDE, 3)
    y, x = np.nonzero((full[600:800, 800:1031] == FIGURE_COLOUR).all(axis=2))
    np.testing.assert_allclose([x.min() + 800, y.max() + 600], [970, 730], atol=1)
    assert (full[:, :400] != 200).any() and not (small[:, :200] != 200).any()
    assert (pixels == 200).all(), "the image itself stays as it is"
