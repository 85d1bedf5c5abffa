"""Glass with a colour cast, which counts as tissue, is noted."""

from __future__ import annotations

import numpy as np
import pytest

from batch.messages import MAX_EVEN_SHARE, appearance_notes
from slide.appearance import measure
from slide.coloured_glass import even_share
from slide.tissue import find_tissue
from test.rendering import render_tissue
from test.slide.test_tissue import glass


@pytest.fixture(scope="module")
def field() -> np.ndarray:
    """A third tissue, the rest white glass."""
    pixels = glass((800, 1500), 235, 2)
    pixels[:, :500] = render_tissue((800, 500), figures=2, seed=8)[0]
    return pixels


@pytest.mark.parametrize("cast", [(1, 0.87, 0.96), (0.93, 0.87, 1), (1, 0.8, 0.94)])
def test_a_colour_cast(field: np.ndarray, cast: tuple[float, float, float]) -> None:
    pixels = (field * np.array(cast)).astype(np.uint8)
    seen = measure(pixels, find_tissue(pixels, 0.25))
    assert seen.even_share > 5 * MAX_EVEN_SHARE
    assert any("as even as glass, but coloured" in note for note in appearance_notes(seen))


def test_white_glass_and_tissue_alone(field: np.ndarray) -> None:
    for pixels in (field, field[:, :500], glass((400, 400), 235, 2)):
        assert even_share(find_tissue(pixels, 0.25)) < MAX_EVEN_SHARE
