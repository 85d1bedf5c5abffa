"""Rows of tissue continue each other; moved ones, or those of other columns, do not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from experiments.image_limits import with_rows_of
from slide.row_continuity import row_continuity


@pytest.fixture(scope="module")
def texture() -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=(512, 512, 3))
    smooth = gaussian_filter(noise, (2, 2, 0))
    return (128 + 40 * smooth / smooth.std()).clip(0, 255).astype(np.uint8)


def test_without_squares() -> None:
    assert row_continuity([]) is None


def test_rows_as_they_are(texture: np.ndarray) -> None:
    step, gain = row_continuity([texture, texture.swapaxes(0, 1)]) or (0, 0)
    assert step == pytest.approx(1, abs=0.1) and gain == 1


def test_rows_moved_by_one(texture: np.ndarray) -> None:
    assert (row_continuity([with_rows_of(texture, 511)]) or (0, 0))[1] > 1.3


def test_rows_that_do_not_continue(texture: np.ndarray) -> None:
    assert (row_continuity([with_rows_of(texture, 400)]) or (0, 0))[0] > 2.5
