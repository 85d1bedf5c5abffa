"""Real fields in glass: the grid leaves no trace, and each field gives what it gives alone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile
from scipy.spatial import cKDTree

from model.candidates import SETTINGS, find_candidates
from model.detections import select
from model.detector import Detector
from model.scoring import score
from model.slide_detector import detect_on_slide
from slide.read import read_image
from slide.whole_slide import WholeSlide
from test.slide.slides import encoding, pixels_on_glass, write_slide

DATA = os.environ.get("MITOSIS_DATA")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(DATA is None, reason="needs MITOSIS_DATA")]
SIDE, INSIDE = 640, 48  # px: a field's mirrored border differs from the glass around it
PLACES = ((1700, 1800), (200, 300), (2900, 2500))


def mosaic() -> np.ndarray:
    """Nine whole fields side by side: the area of a challenge image."""
    paths = sorted(Path(DATA or "", "fields_a", "images").glob("A0[0-2]*.jpg"))[::2][:9]
    squares = [np.asarray(PIL.Image.open(path).convert("RGB"))[:2048, :2048] for path in paths]
    return np.concatenate([np.concatenate(squares[row : row + 3], 1) for row in (0, 3, 6)])


def test_tissue_on_a_slide_takes_as_long_as_in_an_image(tmp_path: Path) -> None:
    """Processor time, in pairs; half of the slide is glass."""
    detector, pixels = Detector.load(device="cpu"), mosaic()
    image = tmp_path / "image.tif"
    tifffile.imwrite(image, pixels, **encoding("pages", 0, (0, 0), 0.25, 1))
    glass = pixels_on_glass((9000, 9000), {(2048, 2048): pixels})
    slide = write_slide(tmp_path / "slide.tif", glass, "pages")
    del pixels, glass

    def on_slide() -> int:
        return detect_on_slide(detector, WholeSlide(slide)).found.candidates

    def in_image() -> int:
        found = read_image(image)
        return detector.detect(found.pixels, found.mpp).candidates

    ratios = []
    assert on_slide() == pytest.approx(in_image(), rel=0.05)  # and the libraries are warm
    for turn in range(4):
        order = (on_slide, in_image)[:: 1 if turn % 2 else -1]
        seconds = {detect: timed(detect) for detect in order}
        ratios.append(seconds[on_slide] / seconds[in_image])
    print(ratios)
    assert np.median(ratios) <= 1.1


def timed(detect: Callable[[], int]) -> float:
    """Processor time in seconds."""
    started = time.process_time()
    detect()
    return time.process_time() - started


def fields() -> list[np.ndarray]:
    """Pieces of three slides."""
    paths = [Path(DATA or "", "fields_a", "images", f"A0{n}.jpg") for n in ("0_01", "1_02", "2_04")]
    return [np.asarray(PIL.Image.open(path).convert("RGB"))[:SIDE, :SIDE] for path in paths]


def test_the_grid_and_the_glass_around_do_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which candidates are seen in eight views depends on all others, so here all are."""
    monkeypatch.setattr("model.scoring.least_seen_again", lambda one_view: -np.inf)
    detector = Detector.load(adaptation="none", precision="fp32")
    pixels = pixels_on_glass((3900, 3400), dict(zip(PLACES, fields(), strict=True)))
    path = write_slide(tmp_path / "a.tif", pixels, "raw")
    one, other = (
        detect_on_slide(detector, WholeSlide(path), offset=offset) for offset in ((0, 0), (777, 91))
    )
    first, second = (np.lexsort(slide.found.points.T) for slide in (one, other))
    np.testing.assert_array_equal(one.found.points[first], other.found.points[second])
    np.testing.assert_allclose(
        one.found.probabilities[first], other.found.probabilities[second], atol=1e-5
    )
    for place, field in zip(PLACES, fields(), strict=True):
        settings = SETTINGS[detector.settings.candidates]
        centres = find_candidates(field, settings, thresholds=one.thresholds)
        alone = score(detector.network, detector.target_domain(field, centres)).probabilities
        kept = select(centres * 0.25, alone)
        points = one.found.points - place
        inside = ((points > INSIDE) & (points < SIDE - INSIDE)).all(axis=1)
        distance, nearest = cKDTree(centres[kept]).query(points[inside])
        assert inside.any() and (distance < 1e-3).all()
        np.testing.assert_allclose(alone[kept][nearest], one.found.probabilities[inside], atol=1e-3)
