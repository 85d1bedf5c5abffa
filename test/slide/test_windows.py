"""Surroundings of cells: their deviation, chroma and darkest channel, also along the border."""

from __future__ import annotations

import numpy as np
import pytest

from slide.windows import windows


def test_one_colour() -> None:
    seen = windows(np.full((3, 5, 3), (200, 150, 180), np.uint8))
    for values, expected in ((seen.deviation, 0), (seen.chroma, 50), (seen.darkest, 150)):
        assert values.shape == (5, 7)
        assert values == pytest.approx(expected, abs=0.01), "cells outside do not count"


def test_the_channel_that_differs_most() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (6, 4, 3)).astype(np.uint8)
    colours[..., 1] //= 4
    seen = windows(colours)
    around = colours[1:4, 0:3].reshape(9, 3)  # of the cell in row 2, column 1
    assert seen.deviation[3, 2] == pytest.approx(around.std(axis=0).max(), rel=1e-4)
    assert seen.chroma[3, 2] == pytest.approx(np.ptp(around.mean(axis=0)), rel=1e-4)
    assert seen.darkest[3, 2] == pytest.approx(around.mean(axis=0).min(), rel=1e-4)
    corner = colours[:1, :1].reshape(1, 3)  # of the place outside, at the upper left
    assert seen.darkest[0, 0] == pytest.approx(corner.min())
