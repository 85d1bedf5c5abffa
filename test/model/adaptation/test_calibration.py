"""The shift: one number an image, from the level of its candidates, in their favour or against."""

from __future__ import annotations

import numpy as np
import pytest

from model.adaptation.calibration import HALF_TRUSTED, QUANTILE, Calibration, log_odds, shifted

CALIBRATION = Calibration(reference=-1.5)


def probabilities(level: float, count: int = 2000) -> np.ndarray:
    """Candidates whose 0.99 quantile of log odds is the level."""
    odds = np.random.default_rng(0).normal(-8, 2, count)
    odds += level - np.quantile(odds, QUANTILE)
    return (1 / (1 + np.exp(-odds))).astype(np.float32)


@pytest.mark.parametrize("level", [-4.0, -1.5, 2.0])
def test_quantile_is_brought_to_the_reference(level: float) -> None:
    before = probabilities(level, 100 * HALF_TRUSTED)
    shift = CALIBRATION.shift(before)
    assert shift == pytest.approx((-1.5 - level) * 100 / 101, abs=0.01)
    after = shifted(before, shift)
    assert np.quantile(log_odds(after), QUANTILE) == pytest.approx(-1.5, abs=0.05)


def test_few_candidates_shift_less() -> None:
    shifts = [CALIBRATION.shift(probabilities(1.5, n)) for n in (50, HALF_TRUSTED, 10**5)]
    assert shifts == [
        pytest.approx(-3 * n / (n + HALF_TRUSTED), abs=0.01) for n in (50, HALF_TRUSTED, 10**5)
    ]
    assert CALIBRATION.shift(np.zeros(0)) == 0


def test_ranking_stays() -> None:
    before = probabilities(2.0)
    after = shifted(before, CALIBRATION.shift(before))
    assert after.dtype == np.float32 and (after < before).all()
    np.testing.assert_array_equal(
        np.argsort(after, kind="stable"), np.argsort(before, kind="stable")
    )


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_certainty_is_finite(value: float) -> None:
    assert np.isfinite(log_odds(np.array([value]))).all()
    certain = np.full(900, value, np.float32)
    assert np.isfinite(shifted(certain, CALIBRATION.shift(certain))).all()
