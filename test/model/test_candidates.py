"""Candidates: blue ratio, threshold and regions derived a second time, pixel by pixel."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from skimage.measure import label

from model import candidates
from model.candidates import DEFAULT, PAPER, CandidateSettings, Ratio, blue_ratio, find_candidates
from test.rendering import render_tissue

LOOSE = CandidateSettings("full", deviations=1.5, block=1, min_area=3, max_side=30)


def ratio_by_hand(red: int, green: int, blue: int, ratio: Ratio) -> float:
    if ratio == "simple":
        return blue / max(red + green, 1)
    return 100 * blue / (1 + red + green) * 256 / (1 + red + green + blue)


def candidates_by_hand(pixels: np.ndarray, settings: CandidateSettings) -> list[list[float]]:
    """Centres x, y, in the order of each region's first pixel."""
    block = settings.block
    height, width = pixels.shape[0] // block, pixels.shape[1] // block
    values = {}
    for y in range(height):
        for x in range(width):
            square = pixels[y * block : (y + 1) * block, x * block : (x + 1) * block]
            colours = square.reshape(-1, 3).tolist()
            ratios = [ratio_by_hand(r, g, b, settings.ratio) for r, g, b in colours]
            values[y, x] = sum(ratios) / len(ratios)
    mean = sum(values.values()) / len(values)
    variance = sum((value - mean) ** 2 for value in values.values()) / len(values)
    threshold = mean + settings.deviations * math.sqrt(variance)
    left = {place for place, value in values.items() if value > threshold}
    centres = []
    for first in sorted(left):
        if first not in left:
            continue
        left.remove(first)
        region = [first]
        for y, x in region:  # grows while it is walked through
            around = {(y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            region += sorted(around)
            left -= around
        ys, xs = zip(*region, strict=True)
        side = max(max(ys) - min(ys), max(xs) - min(xs)) + 1
        if len(region) * block**2 >= settings.min_area and side * block <= settings.max_side:
            middle = [(sum(v) / len(v) + 0.5) * block - 0.5 for v in (xs, ys)]
            centres.append(middle)
    return centres


@pytest.mark.parametrize("ratio", ["simple", "full"])
def test_blue_ratio_pixel_by_pixel(ratio: Ratio) -> None:
    colours = [(0, 0, 0), (0, 0, 255), (255, 255, 255), (1, 0, 9), (130, 80, 160), (255, 0, 7)]
    pixels = np.array([colours], np.uint8)
    values = blue_ratio(pixels, ratio)
    assert values.dtype == np.float32 and values.shape == (1, len(colours))
    np.testing.assert_allclose(values[0], [ratio_by_hand(*c, ratio) for c in colours], rtol=1e-6)


def test_red_plus_green_does_not_overflow() -> None:
    pixels = np.full((1, 1, 3), (200, 200, 100), np.uint8)  # 400 is 144 in eight bits
    assert blue_ratio(pixels, "simple")[0, 0] == 0.25
    assert pixels.tolist() == [[[200, 200, 100]]]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    "settings",
    [
        PAPER,
        DEFAULT,
        LOOSE,
        replace(LOOSE, block=2, min_area=9),
        replace(LOOSE, block=3, deviations=1.0, ratio="simple"),
    ],
    ids=["paper", "default", "loose", "blocks of 2", "blocks of 3"],
)
def test_candidates_pixel_by_pixel(settings: CandidateSettings, seed: int) -> None:
    pixels, _ = render_tissue((103, 121), figures=1, seed=seed)
    found = find_candidates(pixels, settings)
    assert found.dtype == np.float32
    expected = candidates_by_hand(pixels, settings)
    assert len(expected) >= 1
    np.testing.assert_allclose(found, expected, atol=1e-4)


def dots(*places: tuple[slice, slice], size: tuple[int, int] = (100, 140)) -> np.ndarray:
    """Blue squares on pink."""
    pixels = np.full((*size, 3), (230, 180, 210), np.uint8)
    for rows, columns in places:
        pixels[rows, columns] = (60, 40, 140)
    return pixels


def test_centres_of_squares() -> None:
    pixels = dots((slice(10, 14), slice(20, 26)), (slice(50, 51), slice(9, 11)))
    np.testing.assert_array_equal(find_candidates(pixels, PAPER), [[22.5, 11.5], [9.5, 50.0]])


def test_regions_that_touch_at_a_corner_are_one() -> None:
    pixels = dots((slice(10, 12), slice(10, 12)), (slice(12, 14), slice(12, 14)))
    np.testing.assert_array_equal(find_candidates(pixels, PAPER), [[11.5, 11.5]])


@pytest.mark.parametrize(
    ("height", "width", "kept"),
    [(1, 1, False), (1, 2, True), (50, 4, True), (51, 4, False), (4, 50, True), (4, 51, False)],
)
def test_the_paper_s_limits_of_size(height: int, width: int, kept: bool) -> None:
    pixels = dots((slice(20, 20 + height), slice(30, 30 + width)))
    assert len(find_candidates(pixels, PAPER)) == kept


def test_area_and_side_are_in_pixels_of_the_image() -> None:
    """Blocks of 2 px: 8 blocks are the least area of 32 px, 40 the largest side of 80 px."""
    for rows, columns, kept in ((4, 8, True), (2, 14, False), (80, 4, True), (82, 4, False)):
        pixels = dots((slice(10, 10 + rows), slice(10, 10 + columns)), size=(300, 300))
        assert len(find_candidates(pixels, DEFAULT)) == kept


@pytest.mark.parametrize("rows", [1, 7, 64, 10_000])
@pytest.mark.parametrize("threads", [0, 1, 3])
def test_stripes_and_threads_do_not_change_the_result(
    monkeypatch: pytest.MonkeyPatch, rows: int, threads: int
) -> None:
    pixels, _ = render_tissue((300, 200), figures=2, seed=4)
    whole = find_candidates(pixels)
    monkeypatch.setattr(candidates, "STRIPE_ROWS", rows)
    monkeypatch.setattr(candidates, "STRIPE_PIXELS", rows * 201)
    np.testing.assert_array_equal(find_candidates(pixels, threads=threads), whole)


@pytest.mark.parametrize("settings", [PAPER, DEFAULT], ids=["paper", "default"])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (3, 1), (64, 65)])
@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (130, 80, 160), (0, 0, 255)])
def test_one_colour_has_no_candidate(
    settings: CandidateSettings, size: tuple[int, int], colour: tuple[int, int, int]
) -> None:
    found = find_candidates(np.full((*size, 3), colour, np.uint8), settings)
    assert found.shape == (0, 2) and found.dtype == np.float32


def test_regions_across_many_stripes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A column, a corner and a ring, each measured in parts."""
    ring = np.ones((9, 9), bool)
    ring[1:-1, 1:-1] = False
    places = np.zeros((40, 60), bool)
    places[3:33, 5] = True
    places[10, 20:40] = places[10:30, 39] = True
    places[20:29, 20:29] = ring
    labels = label(places, connectivity=2)
    for rows in (1, 2, 7, 99):
        monkeypatch.setattr(candidates, "STRIPE_ROWS", rows)
        centres, area, side = candidates._measure(labels)
        assert area.tolist() == [30, 39, 32] and side.tolist() == [30, 20, 9]
        corner = [(590 + 19 * 39) / 39, (200 + sum(range(11, 30))) / 39]
        np.testing.assert_allclose(centres, np.array([[5, 17.5], corner, [24, 24]]))
