"""Uneven light is measured, whatever the tissue; what has borders is tissue."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from slide.light import evenness
from slide.tissue import find_tissue
from test.rendering import render_tissue
from test.slide.test_tissue import glass

DATA = os.environ.get("MITOSIS_DATA")


@pytest.fixture(scope="module")
def field() -> np.ndarray:
    return render_tissue((900, 1000), figures=4, seed=8)[0]


def side(shape: tuple[int, ...], least: float) -> np.ndarray:
    """Light that falls along x to least; (height, width, 1)."""
    return np.broadcast_to(np.linspace(1, least, shape[1]), shape[:2])[..., None]


def corners(shape: tuple[int, ...], least: float) -> np.ndarray:
    """Light that falls to least in the corners; (height, width, 1)."""
    y, x = (np.linspace(-1, 1, length) ** 2 for length in shape[:2])
    return 1 - (1 - least) * (y[:, None] + x)[..., None] / 2


def of(pixels: np.ndarray, light: np.ndarray | float = 1) -> float | None:
    lit = (pixels * light).astype(np.uint8)
    return evenness(find_tissue(lit, 0.25))


def test_even_light(field: np.ndarray) -> None:
    for light in (1.0, 0.6):
        assert (of(field, light) or 0) > 0.9


@pytest.mark.parametrize("least", [0.6, 0.7])
def test_light_from_one_side(field: np.ndarray, least: float) -> None:
    for pixels in (field, field.swapaxes(0, 1)):
        light = side(pixels.shape, least)
        assert of(pixels, light) == pytest.approx(least, abs=0.08)
        assert of(pixels, light[:, ::-1]) == pytest.approx(least, abs=0.08)


@pytest.mark.parametrize("least", [0.3, 0.5])
def test_dark_corners(field: np.ndarray, least: float) -> None:
    seen = of(field, corners(field.shape, least))
    assert seen is not None and least < seen < least + 0.25


def test_tissue_with_glass_beside_it(field: np.ndarray) -> None:
    pixels = np.concatenate([glass(field.shape[:2], 242, 2), field], axis=1)
    assert (of(pixels) or 0) > 0.9
    assert (of(pixels, side(pixels.shape, 0.4)) or 1) < 0.75


def test_darker_tissue_with_a_border_is_no_light(field: np.ndarray) -> None:
    pixels = field.copy()
    pixels[:, 200:300] //= 2
    assert of(pixels) == 1


def test_too_little_to_say(field: np.ndarray) -> None:
    assert of(field[:480, :480]) is None
    pixels = glass((2000, 2000), 242, 2)
    pixels[:450, :450] = field[:450, :450]
    assert of(pixels) is None


@pytest.mark.skipif(DATA is None, reason="MITOSIS_DATA names the folder of real tissue")
def test_real_fields() -> None:
    for file in sorted((Path(str(DATA)) / "fields_a" / "images").iterdir())[::6]:
        pixels = np.asarray(PIL.Image.open(file).convert("RGB"))[:1000, :1000]
        assert (of(pixels) or 0) > 0.9
        for light in (side(pixels.shape, 0.6), corners(pixels.shape, 0.5)):
            assert (of(pixels, light) or 1) < 0.75
