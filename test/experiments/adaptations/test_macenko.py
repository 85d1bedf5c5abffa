"""The stains become the reference's, whatever they were."""

from __future__ import annotations

import numpy as np
import pytest
from torchstain.numpy.normalizers import NumpyMacenkoNormalizer

from experiments.adaptations.macenko import REFERENCE_CONCENTRATIONS, WHITE, normalise_stain
from test.rendering import render_tissue
from training.virtual_scanners import restain


def concentrations(pixels: np.ndarray) -> np.ndarray:
    normaliser = NumpyMacenkoNormalizer()
    normaliser.fit(pixels, Io=WHITE)
    return normaliser.maxCRef


@pytest.fixture(scope="module")
def tissue() -> np.ndarray:
    return render_tissue((400, 500), figures=3, seed=1)[0]


def test_concentrations_become_the_reference_s(tissue: np.ndarray) -> None:
    changed = normalise_stain(tissue)
    assert changed.shape == tissue.shape and changed.dtype == np.uint8
    before, after = concentrations(tissue), concentrations(changed)
    assert abs(after - REFERENCE_CONCENTRATIONS).max() < 0.35
    assert (
        abs(after - REFERENCE_CONCENTRATIONS).sum() < abs(before - REFERENCE_CONCENTRATIONS).sum()
    )


def test_other_stain_intensity_is_taken_back(tissue: np.ndarray) -> None:
    pale = restain(tissue, hematoxylin=0.7, eosin=0.8)
    apart = np.abs(pale.astype(float) - tissue).mean()
    left = np.abs(normalise_stain(pale).astype(float) - normalise_stain(tissue)).mean()
    assert left < 0.5 * apart


@pytest.mark.parametrize("level", [255, 0])
def test_image_without_stain_stays(level: int) -> None:
    blank = np.full((30, 40, 3), level, np.uint8)
    np.testing.assert_array_equal(normalise_stain(blank), blank)
