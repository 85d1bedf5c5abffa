"""Candidates of images of MIDOG's size: work and memory grow with the area, no faster."""

from __future__ import annotations

import resource
import tracemalloc

import numpy as np
import pytest

from model import candidates
from model.candidates import DEFAULT, PAPER, STRIPE_PIXELS, CandidateSettings, find_candidates
from test.rendering import render_tissue

AREA_RATIO = 4
LARGEST_RATIO = 4.4  # of time or memory, on four times the area
LARGEST_MEMORY = 3.0  # times the image's bytes

both_settings = pytest.mark.parametrize("settings", [PAPER, DEFAULT], ids=["paper", "default"])


@pytest.fixture(scope="module")
def large() -> np.ndarray:
    """(5400, 7200, 3) uint8: a rendered field, repeated."""
    pixels, _ = render_tissue((900, 1200), figures=4, seed=3)
    return np.tile(pixels, (6, 6, 1))


@pytest.fixture(scope="module")
def small(large: np.ndarray) -> np.ndarray:
    """A quarter of `large`."""
    pixels = np.ascontiguousarray(large[:2700, :3600])
    assert large.size == AREA_RATIO * pixels.size
    return pixels


def peak_memory(pixels: np.ndarray, settings: CandidateSettings) -> int:
    """Bytes that find_candidates allocates at most, with one stripe in work at a time."""
    tracemalloc.start()
    try:
        found = find_candidates(pixels, settings, threads=1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) > 1000
    return peak


@both_settings
def test_memory_grows_with_the_area(
    small: np.ndarray, large: np.ndarray, settings: CandidateSettings
) -> None:
    peak = peak_memory(large, settings)
    assert peak < LARGEST_MEMORY * large.nbytes
    assert peak < LARGEST_RATIO * peak_memory(small, settings)


@both_settings
def test_each_pixel_is_computed_once_in_stripes_that_fit_the_cache(
    large: np.ndarray, settings: CandidateSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    stripes: list[int] = []

    def counted(pixels: np.ndarray, ratio: candidates.Ratio) -> np.ndarray:
        stripes.append(pixels[..., 0].size)
        return computed(pixels, ratio)

    computed = candidates.blue_ratio
    monkeypatch.setattr(candidates, "blue_ratio", counted)
    find_candidates(large, settings, threads=1)
    assert sum(stripes) == large[..., 0].size
    assert max(stripes) <= STRIPE_PIXELS


@both_settings
def test_every_tile_has_its_candidates(large: np.ndarray, settings: CandidateSettings) -> None:
    """The threshold of the whole is a tile's, so a tile's candidates recur away from its edges."""
    tile = find_candidates(np.ascontiguousarray(large[:900, :1200]), settings)
    found = find_candidates(large, settings)
    limits = np.array([1200, 900])
    inside = ((tile > 100) & (tile < limits - 100)).all(axis=1)
    expected = tile[inside] + limits * 2
    distance = np.abs(found[None] - expected[:, None]).max(axis=2).min(axis=1)
    assert len(expected) > 20 and distance.max() < 1e-2


@pytest.mark.slow
@both_settings
def test_time_grows_with_the_area(
    small: np.ndarray, large: np.ndarray, settings: CandidateSettings
) -> None:
    """Processor time, the best of several: other processes only make a run slower."""
    best = {"small": np.inf, "large": np.inf}
    for _ in range(12):  # as often as a busy machine needs
        for name, pixels in (("small", small), ("large", large)):
            started = resource.getrusage(resource.RUSAGE_SELF).ru_utime
            find_candidates(pixels, settings, threads=1)
            used = resource.getrusage(resource.RUSAGE_SELF).ru_utime - started
            best[name] = min(best[name], used)
        if best["large"] <= LARGEST_RATIO * best["small"]:
            break
    assert best["large"] <= LARGEST_RATIO * best["small"]
