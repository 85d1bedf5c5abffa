"""Sizes of nuclei, and lines drawn over them."""

from __future__ import annotations

import numpy as np
import pytest

from slide.nuclei import dark_regions, has_lines, radii_um, typical
from test.rendering import render_tissue

MPP = 0.25


def discs(radius: int) -> np.ndarray:
    """Dark discs, 60 px apart."""
    y, x = np.mgrid[:480, :480] % 60 - 30
    return np.where((x**2 + y**2 < radius**2)[..., None], 60, 220).astype(np.uint8).repeat(3, -1)


@pytest.mark.parametrize("radius", [9, 12, 18])
def test_radii_of_discs(radius: int) -> None:
    radii = radii_um(dark_regions(discs(radius), MPP), MPP)
    assert len(radii) == 64
    assert typical(radii) == pytest.approx(radius * MPP, rel=0.25)  # smoothing flattens middles


def test_one_colour_has_no_regions() -> None:
    dark = dark_regions(np.full((480, 480, 3), 200, np.uint8), MPP)
    assert not dark.any() and not has_lines(dark, MPP) and len(radii_um(dark, MPP)) == 0


@pytest.mark.parametrize("slope", [0.0, 0.1, 1.0])
def test_lines_of_a_grid(slope: float) -> None:
    field = render_tissue((512, 512), figures=0, seed=8)[0]
    y, x = np.mgrid[:512, :512]
    lined = np.where(((x + slope * y) % 200 < 3)[..., None], np.uint8(0), field)
    assert has_lines(dark_regions(lined, MPP), MPP)
    assert not has_lines(dark_regions(field, MPP), MPP)
    assert not has_lines(dark_regions(discs(12), MPP), MPP)
