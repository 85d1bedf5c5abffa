"""The box round the tissue: exact for tissue cut along straight lines, whatever surrounds it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slide.margins import Box, find_margins
from slide.regions_of_interest import Regions
from slide.tissue import Kind
from test.rendering import render_tissue
from test.slide.test_tissue import BLUE, glass

MPP = 0.25
TISSUE = render_tissue((220, 310), figures=0, seed=4)[0]
margin = st.sampled_from((0, 3, 40, 57, 200))


def pasted(size: tuple[int, int], at: tuple[int, int], level: float, noise: float) -> np.ndarray:
    pixels = glass(size, level, noise)
    pixels[at[0] : at[0] + 220, at[1] : at[1] + 310] = TISSUE
    return pixels


@settings(max_examples=15, deadline=None, derandomize=True, database=None)
@given(
    margins=st.tuples(margin, margin, margin, margin),
    level=st.integers(180, 255),
    noise=st.floats(0, 4),
    border=st.sampled_from((0, 7, 33, 64)),
)
def test_any_margins_are_left_out(
    margins: tuple[int, int, int, int], level: int, noise: float, border: int
) -> None:
    top, bottom, left, right = margins
    pixels = pasted((top + 220 + bottom, left + 310 + right), (top, left), level, noise)
    pixels = np.pad(pixels, ((border, border), (border, border), (0, 0)))
    top, left = top + border, left + border
    near = [m if 0 < m < 16 else 0 for m in margins]  # less than a cell of glass may stay
    found = np.array(find_margins(pixels, MPP).box) - (top, top + 220, left, left + 310)
    assert (np.abs(found) <= near).all()


def test_pen_marks_beside_the_tissue_are_left_out() -> None:
    pixels = pasted((600, 700), (300, 200), 240, 2)
    pixels[40:100], pixels[:, 600:660] = BLUE, BLUE
    assert find_margins(pixels, MPP).box == Box(300, 520, 200, 510)


def test_pen_marks_are_measured_where_they_are_of_interest() -> None:
    pixels = pasted((600, 700), (300, 200), 240, 2)
    pixels[48:112, 320:480] = BLUE
    pixels[320:384, 320:384] = BLUE  # in the tissue, so not in the margins
    margins = find_margins(pixels, MPP)
    assert margins.box == Box(300, 520, 200, 510)
    dilated = (64 + 2 * 16) * (160 + 2 * 16) * MPP**2 / 1e6
    assert margins.cells_mm2()[Kind.PEN] == pytest.approx(dilated)
    left = Regions.from_rings([[[(0, 0), (400, 0), (400, 600), (0, 600)]]])
    assert margins.cells_mm2(left)[Kind.PEN] == pytest.approx(dilated / 2)
    below = Regions.from_rings([[[(0, 200), (700, 200), (700, 600), (0, 600)]]])
    assert margins.cells_mm2(below)[Kind.PEN] == 0


def test_a_cell_on_its_own_is_inside() -> None:
    """It is too small to count as tissue, yet may be a candidate."""
    pixels = pasted((600, 900), (200, 100), 240, 2)
    y, x = np.ogrid[:600, :900]
    pixels[(y - 400) ** 2 + (x - 800) ** 2 < 16**2] = (90, 50, 140)
    box = find_margins(pixels, MPP).box
    assert (box.top, box.left) == (200, 100)
    assert box.right > 812 and box.bottom == 420


@pytest.mark.parametrize("pixels", [glass((300, 200), 240, 3), np.zeros((50, 1, 3), np.uint8)])
def test_an_image_without_tissue_stays_whole(pixels: np.ndarray) -> None:
    assert find_margins(pixels, MPP).box == Box(0, pixels.shape[0], 0, pixels.shape[1])
