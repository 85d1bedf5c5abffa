"""Candidates: blue ratio, threshold and regions derived a second time, pixel by pixel."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from model import candidates
from model.candidates import (
    DEFAULT,
    PAPER,
    CandidateSettings,
    find_candidates,
)
from model.regions import measure_regions
from test.model.test_blue_ratio import ratio_by_hand
from test.rendering import render_tissue

LOOSE = CandidateSettings("full", 1.5, 1.5, window=1, min_area=3, max_side=30)


def candidates_by_hand(pixels: np.ndarray, settings: CandidateSettings) -> list[list[float]]:
    """Centres x, y, in the order of each region's first pixel."""
    window = settings.window
    height, width = (side - window + 1 for side in pixels.shape[:2])
    values = {}
    for y in range(height):
        for x in range(width):
            square = pixels[y : y + window, x : x + window]
            colours = square.reshape(-1, 3).tolist()
            ratios = [ratio_by_hand(r, g, b, settings.ratio) for r, g, b in colours]
            values[y, x] = sum(ratios) / len(ratios)
    mean = sum(values.values()) / len(values)
    variance = sum((value - mean) ** 2 for value in values.values()) / len(values)
    threshold, peak = (
        mean + k * math.sqrt(variance) for k in (settings.deviations, settings.peak_deviations)
    )
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
        high = any(values[place] > peak for place in region)
        if high and len(region) >= settings.min_area and side <= settings.max_side:
            centres.append([sum(v) / len(v) + (window - 1) / 2 for v in (xs, ys)])
    return centres


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    "settings",
    [
        PAPER,
        DEFAULT,
        LOOSE,
        replace(LOOSE, window=2, min_area=9),
        replace(LOOSE, window=3, deviations=1.0, ratio="simple"),
        replace(LOOSE, deviations=1.2, peak_deviations=2.2, max_side=60),
    ],
    ids=["paper", "default", "loose", "windows of 2", "windows of 3", "peaks"],
)
def test_candidates_pixel_by_pixel(settings: CandidateSettings, seed: int) -> None:
    pixels, _ = render_tissue((103, 121), figures=1, seed=seed)
    settings = replace(settings, over="image")
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


def test_area_and_side_of_the_default() -> None:
    """Windows of 2 px that are half blue are over the threshold here, so regions grow by 1 px."""
    for rows, columns, kept in ((4, 5, True), (3, 6, True), (3, 5, False), (89, 4, True)):
        pixels = dots((slice(10, 10 + rows), slice(10, 10 + columns)), size=(300, 300))
        assert len(find_candidates(pixels, DEFAULT)) == kept
    pixels = dots((slice(10, 100), slice(10, 14)), size=(300, 300))
    assert len(find_candidates(pixels, DEFAULT)) == 0


@pytest.mark.parametrize("rows", [1, 7, 64, 10_000])
@pytest.mark.parametrize("threads", [0, 1, 3])
def test_stripes_and_threads_do_not_change_the_result(
    monkeypatch: pytest.MonkeyPatch, rows: int, threads: int
) -> None:
    pixels, _ = render_tissue((300, 200), figures=2, seed=4)
    whole = find_candidates(pixels)
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


def test_regions_are_measured() -> None:
    """A column, a corner, a ring and a diagonal, of which the first and last have peaks."""
    levels = np.zeros((40, 60), np.uint8)
    levels[3:33, 5] = 1
    levels[30, 5] = 2
    levels[10, 20:40] = levels[10:30, 39] = 1
    levels[20:29, 20:29] = 1
    levels[21:28, 21:28] = 0
    levels[[33, 34, 35, 36], [50, 51, 50, 49]] = 1
    levels[36, 49] = 2
    regions = measure_regions(levels)
    assert regions.area.tolist() == [30, 39, 32, 4]
    assert regions.side.tolist() == [30, 20, 9, 4]
    assert regions.peaks.tolist() == [True, False, False, True]
    corner = [(590 + 19 * 39) / 39, (200 + sum(range(11, 30))) / 39]
    expected = [[5, 17.5], corner, [24, 24], [50, 34.5]]
    np.testing.assert_allclose(regions.centres, np.array(expected))


def test_regions_at_the_end_of_a_row_and_the_start_of_the_next_are_two() -> None:
    levels = np.zeros((4, 10), np.uint8)
    levels[0, 7:9] = levels[1, 0:2] = levels[3, 8] = 2
    regions = measure_regions(levels)
    np.testing.assert_allclose(regions.centres, np.array([[7.5, 0], [0.5, 1], [8, 3]]))
