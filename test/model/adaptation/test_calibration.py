"""The shift: one number an image, from the level of its candidates, in their favour or against."""

from __future__ import annotations

import numpy as np
import pytest

from model.adaptation.calibration import (
    HALF_TRUSTED,
    QUANTILE,
    Calibration,
    at_level_of,
    log_odds,
    shifted,
)

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


def test_figures_above_the_bound_do_not_move_the_level() -> None:
    odds = np.linspace(-8, 0, 600)
    figures = np.full(60, 6.0)
    calibration = Calibration(reference=-1.0, below_log_odds=2.5)
    alone, dense = (calibration.level(values) for values in (odds, np.append(odds, figures)))
    assert alone == dense == pytest.approx(np.quantile(odds, 0.99))
    assert Calibration(-1.0).level(np.append(odds, figures)) == 6.0


def test_bound_that_leaves_too_few_is_not_used() -> None:
    odds = np.append(np.full(19, -5.0), np.full(81, 4.0))
    assert Calibration(0.0, below_log_odds=2.5).level(odds) == 4.0
    assert Calibration(0.0, below_log_odds=2.5).level(np.append(odds, -5.0)) == -5.0


def test_half_of_the_shift_is_taken_at_the_stated_number() -> None:
    odds = 1 / (1 + np.exp(np.full(2000, 3.0)))
    assert Calibration(-1.0, half_trusted=2000).shift(odds) == pytest.approx(1.0, abs=1e-4)


def test_standard_error_of_the_shift() -> None:
    """It shrinks with the number of candidates, and is that of many resamples."""
    random = np.random.default_rng(3)
    odds = random.normal(-6, 1.5, 4000)
    calibration = Calibration(-1.0, half_trusted=0)
    few, many = (
        calibration.standard_error(1 / (1 + np.exp(-values))) for values in (odds[:200], odds)
    )
    assert 0 < many < few / 2
    by_hand = np.std([np.quantile(random.choice(odds, 4000), 0.99) for _ in range(400)])
    assert many == pytest.approx(by_hand, rel=0.35)
    assert calibration.standard_error(np.zeros(0)) == 0.0


def test_level_is_kept_and_the_order_is_the_new_one() -> None:
    shipped = np.array([0.1, 0.9, 0.4, 0.2], np.float32)
    adapted = np.array([0.99, 0.5, 0.7, 0.1], np.float32)
    levelled = at_level_of(shipped, adapted)
    assert levelled.tolist() == [np.float32(p) for p in (0.9, 0.2, 0.4, 0.1)]
    assert levelled.dtype == np.float32
    np.testing.assert_array_equal(at_level_of(shipped, shipped), shipped)
