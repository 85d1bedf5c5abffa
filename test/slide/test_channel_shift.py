"""Colour channels that have moved against each other."""

from __future__ import annotations

import numpy as np
import pytest

from slide.appearance import measure
from slide.channel_shift import channel_shift
from slide.quality import judge
from slide.tissue import find_tissue
from test.rendering import render_tissue

MESSAGE = "its colour channels are out of register"


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return render_tissue((800, 800), figures=0, seed=5)[0]


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("channel", [0, 2])
@pytest.mark.parametrize("shift", [-3, 1, 2])
def test_the_shift_is_measured(pixels: np.ndarray, channel: int, axis: int, shift: int) -> None:
    moved = pixels.copy()
    moved[..., channel] = np.roll(pixels[..., channel], shift, axis)
    assert channel_shift([moved[:400, :400], moved[400:, 400:]]) == pytest.approx(abs(shift))
    assert judge(measure(moved, find_tissue(moved, 0.25))) == [MESSAGE]


def test_green_moved_against_both(pixels: np.ndarray) -> None:
    moved = pixels.copy()
    moved[..., 1] = np.roll(pixels[..., 1], 2, axis=0)
    assert channel_shift([moved]) == pytest.approx(2)


def test_channels_in_place(pixels: np.ndarray) -> None:
    assert channel_shift([pixels]) == 0
    assert judge(measure(pixels, find_tissue(pixels, 0.25))) == []


def test_nothing_to_measure() -> None:
    assert channel_shift([]) is None
    assert channel_shift([np.full((300, 300, 3), 128, np.uint8)]) == 0
