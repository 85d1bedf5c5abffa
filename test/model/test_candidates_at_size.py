"""Candidates of large images: memory and time grow with the area, and stay small beside it."""

from __future__ import annotations

import resource
import tracemalloc

import numpy as np
import pytest

from model.candidates import DEFAULT, PAPER, CandidateSettings, find_candidates
from test.rendering import render_tissue

AREA_RATIO = 4
LARGEST_TIME_RATIO = 4.4
LARGEST_MEMORY = 3.0  # times the image's bytes


@pytest.fixture(scope="module")
def large() -> np.ndarray:
    """(5400, 7200, 3) uint8, of MIDOG's size: tissue again and again."""
    pixels, _ = render_tissue((900, 1200), figures=4, seed=3)
    return np.tile(pixels, (6, 6, 1))


@pytest.mark.parametrize("settings", [PAPER, DEFAULT], ids=["paper", "default"])
def test_extra_memory(large: np.ndarray, settings: CandidateSettings) -> None:
    tracemalloc.start()
    try:
        found = find_candidates(large, settings)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) > 1000
    assert peak < LARGEST_MEMORY * large.nbytes


@pytest.mark.parametrize("settings", [PAPER, DEFAULT], ids=["paper", "default"])
def test_time_grows_with_the_area(large: np.ndarray, settings: CandidateSettings) -> None:
    """The best of several, large and small in turns.

    In seconds that the processor spent on it: what the system takes to find memory depends on what
    else it does, and is bounded by the test above.
    """
    small = np.ascontiguousarray(large[:2700, :3600])
    assert large.size == AREA_RATIO * small.size
    best = {"small": np.inf, "large": np.inf}
    for _ in range(12):  # as often as a busy machine needs
        for name, pixels in (("small", small), ("large", large)):
            started = resource.getrusage(resource.RUSAGE_SELF).ru_utime
            find_candidates(pixels, settings, threads=1)
            used = resource.getrusage(resource.RUSAGE_SELF).ru_utime - started
            best[name] = min(best[name], used)
        if best["large"] <= LARGEST_TIME_RATIO * best["small"]:
            break
    assert best["large"] <= LARGEST_TIME_RATIO * best["small"]


@pytest.mark.parametrize("settings", [PAPER, DEFAULT], ids=["paper", "default"])
def test_every_tile_has_its_candidates(large: np.ndarray, settings: CandidateSettings) -> None:
    """Threshold and regions are those of a tile: what is tiled is found again, away from seams."""
    tile = find_candidates(np.ascontiguousarray(large[:900, :1200]), settings)
    found = find_candidates(large, settings)
    limits = np.array([1200, 900])
    inside = ((tile > 100) & (tile < limits - 100)).all(axis=1)
    expected = tile[inside] + limits * 2
    distance = np.abs(found[None] - expected[:, None]).max(axis=2).min(axis=1)
    assert len(expected) > 20 and distance.max() < 1e-2
