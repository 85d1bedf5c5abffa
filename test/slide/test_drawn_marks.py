"""Circles of pure colours drawn on tissue are counted; tissue, glass and pen marks are not."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

from slide.drawn_marks import marked_pixels
from slide.tissue import find_tissue
from test.rendering import PINK, PURPLE, Look, render_tissue
from test.slide.test_tissue import GREEN, glass

COLOURS = [
    (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255),
    (0, 128, 0), (255, 165, 0),
]  # fmt: skip


@pytest.fixture(scope="module")
def field() -> np.ndarray:
    return render_tissue((500, 700), figures=2, seed=8)[0]


def circled(
    pixels: np.ndarray, colour: tuple[int, int, int], width: int, place: int = 200
) -> np.ndarray:
    image = PIL.Image.fromarray(pixels)
    PIL.ImageDraw.Draw(image).ellipse((place, 200, place + 50, 250), outline=colour, width=width)
    return np.array(image)


def marked(pixels: np.ndarray) -> int:
    return marked_pixels(pixels, find_tissue(pixels, 0.25))


@pytest.mark.parametrize("look", [PURPLE, PINK], ids=["purple", "pink"])
def test_tissue_and_glass_have_no_marks(look: Look) -> None:
    pixels = render_tissue((500, 700), figures=2, seed=8, look=look)[0]
    assert marked(np.concatenate([pixels, glass((500, 300), 242, 2)], axis=1)) == 0


@pytest.mark.parametrize("colour", COLOURS)
def test_a_circle(field: np.ndarray, colour: tuple[int, int, int]) -> None:
    for width in (1, 3):
        assert 120 < marked(circled(field, colour, width)) < 180 * width


def test_a_circle_in_a_jpeg_file(field: np.ndarray) -> None:
    data = io.BytesIO()
    PIL.Image.fromarray(circled(field, (0, 255, 0), 3)).save(data, "JPEG", quality=75)
    assert marked(np.asarray(PIL.Image.open(data))) > 300


def test_marks_that_the_map_shows_or_that_are_on_glass(field: np.ndarray) -> None:
    beside = np.concatenate([field, glass((500, 300), 242, 2)], axis=1)
    assert marked(circled(beside, (0, 0, 255), 1, place=850)) < 20
    beside[:, 800:900] = GREEN
    assert marked(beside) == 0


def test_large_images_are_searched_in_stripes(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = circled(render_tissue((500, 700), figures=2, seed=8)[0], (0, 255, 0), 2)
    whole = marked(pixels)
    monkeypatch.setattr("slide.drawn_marks._STRIPE_PIXELS", 700 * 13)
    assert marked(pixels) == whole
