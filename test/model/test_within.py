"""Candidates of a region: those of the region as an image by itself, apart from its border."""

from __future__ import annotations

import numpy as np
import pytest

from model.candidates import PAPER, SETTINGS, find_candidates, tissue_mask
from model.within import candidates_within
from slide.polygon import Polygon
from slide.regions_of_interest import Regions
from slide.resample import Resampled
from slide.tissue import Kind
from test.model.builders import tiny_detector
from test.rendering import render_tissue

PIXELS, _ = render_tissue((320, 480), figures=4, seed=3)


def rectangle(left: float, top: float, right: float, bottom: float) -> Regions:
    corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
    return Regions((Polygon((np.array(corners, float),)),), "")


@pytest.mark.parametrize("name", ["default", "paper"])
def test_equals_the_region_cut_out(name: str) -> None:
    settings = SETTINGS[name]
    mask = tissue_mask(PIXELS)
    region = rectangle(160, 0, 480, 160)  # whole cells of the map
    tissue, found = candidates_within(region, Resampled(PIXELS, (1, 1)), mask, settings)
    cut = find_candidates(PIXELS[:160, 160:], settings)
    inner = [(x + 160, y) for x, y in cut if x > 45 and y < 160 - 45]
    distances = [np.abs(found - point).max(axis=1).min() for point in inner]
    assert len(inner) > 5 and max(distances) < 1e-4
    assert ((found[:, 0] >= 159.5) & (found[:, 1] < 159.5)).all()
    assert tissue.tissue_pixels == mask.map.tissue[:10, 10:].sum() * 256
    assert (tissue.kinds[10:] == Kind.OUTSIDE).all()
    assert (tissue.kinds != Kind.OUTSIDE).sum() == 10 * 20


def test_a_candidate_on_the_border_is_whole() -> None:
    mask = tissue_mask(PIXELS)
    image = Resampled(PIXELS, (1, 1))
    left, right = rectangle(0, 0, 237, 320), rectangle(237, 0, 480, 320)
    parts = [candidates_within(part, image, mask, PAPER_OVER_IMAGE)[1] for part in (left, right)]
    everything = find_candidates(PIXELS, PAPER_OVER_IMAGE)
    assert {tuple(p) for p in np.concatenate(parts)} == {tuple(p) for p in everything}
    assert sum(map(len, parts)) == len(everything)


PAPER_OVER_IMAGE = SETTINGS["paper-literal"]  # its threshold is that of the whole image


def test_the_threshold_is_that_of_the_region() -> None:
    pixels = PIXELS.copy()
    pixels[:, 240:] = pixels[:, 240:] // 2 + 100  # paler, as another stain would be
    mask = tissue_mask(pixels)
    region = rectangle(0, 0, 240, 320)
    _, found = candidates_within(region, Resampled(pixels, (1, 1)), mask, PAPER)
    alone = find_candidates(PIXELS[:, :240], PAPER)
    assert {tuple(p) for p in alone if p[0] < 190} == {tuple(p) for p in found if p[0] < 190}


def test_regions_count_in_pixels_of_the_image_as_given() -> None:
    """At half the pixel size the image is resampled, and the same tissue is found."""
    large = np.kron(PIXELS, np.ones((2, 2, 1), np.uint8))
    detector = tiny_detector("none")
    found = detector.detect(large, 0.125, regions=rectangle(0, 0, 480, 320))
    assert found.rescaled and len(found.points)
    assert (found.points < (480, 320)).all()
    assert found.tissue is not None
    inside = (found.tissue.kinds != Kind.OUTSIDE).sum() * found.tissue.cell**2
    assert inside == pytest.approx(240 * 160, rel=0.1)


def test_without_tissue_there_is_no_candidate() -> None:
    pixels = PIXELS.copy()
    pixels[:, 240:] = 245
    found = tiny_detector("none").detect(pixels, 0.25, regions=rectangle(330, 0, 480, 320))
    assert found.candidates == len(found.points) == 0
    assert found.appearance is not None and found.appearance.area_mm2 == 0
