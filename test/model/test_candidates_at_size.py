"""Candidates of images of MIDOG's size: work and memory grow with the area, no faster."""

from __future__ import annotations

import resource
import tracemalloc

import numpy as np
import pytest

from model import candidates
from model.blue_ratio import Ratio, tissue_ratio
from model.candidates import (
    DEFAULT,
    PAPER,
    SAMPLED,
    STRIPE_PIXELS,
    CandidateSettings,
    find_candidates,
)
from test.rendering import render_tissue

AREA_RATIO = 4
LARGEST_RATIO = 4.4  # of time or memory, on four times the area

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
    assert peak < settings.bytes_per_pixel * large[..., 0].size
    assert peak < LARGEST_RATIO * peak_memory(small, settings)


@both_settings
def test_pixels_are_computed_once_and_a_sample_twice_in_stripes_that_fit_the_cache(
    large: np.ndarray, settings: CandidateSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    stripes: list[int] = []

    def counted(pixels: np.ndarray, ratio: Ratio) -> np.ndarray:
        stripes.append(pixels[..., 0].size)
        return tissue_ratio(pixels, ratio)

    monkeypatch.setattr(candidates, "tissue_ratio", counted)
    find_candidates(large, settings, threads=1)
    area, overlap = large[..., 0].size, (settings.window - 1) * large.shape[1]
    again = sum(stripes) - area - overlap * (area // STRIPE_PIXELS)
    assert 0.5 * SAMPLED < again < 3 * SAMPLED
    assert max(stripes) <= STRIPE_PIXELS + overlap


@both_settings
def test_every_tile_has_its_candidates(large: np.ndarray, settings: CandidateSettings) -> None:
    """At a tile's thresholds a tile's candidates recur away from its edges."""
    first = np.ascontiguousarray(large[:900, :1200])
    moments = candidates.blue_ratio_moments(first, candidates.tissue_mask(first), settings)
    tile = find_candidates(first, settings)
    found = find_candidates(large, settings, thresholds=moments.thresholds(settings))
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


@both_settings
def test_the_sample_gives_the_thresholds_of_the_whole(
    large: np.ndarray, settings: CandidateSettings
) -> None:
    tissue = np.ascontiguousarray(large[: 4 * 900])  # of which every sixth row is looked at
    mask = candidates.tissue_mask(tissue)
    sampled = candidates.blue_ratio_moments(tissue, mask, settings)
    first = tissue[:900]
    whole = candidates.blue_ratio_moments(first, candidates.tissue_mask(first), settings)
    assert 5 * sampled.windows < tissue[..., 0].size < 7 * sampled.windows
    assert tuple(sampled.thresholds(settings)) == pytest.approx(
        tuple(whole.thresholds(settings)), rel=2e-3
    )
