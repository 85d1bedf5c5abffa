import math

import numpy as np
import pytest

from evaluation.counts import Counts, ratio


def test_ratios_of_counts() -> None:
    counts = Counts(true_positives=6, false_positives=2, false_negatives=4)
    assert counts.precision == pytest.approx(6 / 8)
    assert counts.recall == pytest.approx(6 / 10)
    assert counts.f1 == pytest.approx(2 * 6 / (2 * 6 + 2 + 4))


def test_nothing_found_of_something_is_zero() -> None:
    assert Counts(0, 0, 3).f1 == 0
    assert Counts(0, 0, 3).recall == 0
    assert Counts(0, 3, 0).f1 == 0


def test_what_is_not_defined_is_nan() -> None:
    assert math.isnan(Counts(0, 0, 3).precision), "no detection"
    assert math.isnan(Counts(0, 3, 0).recall), "no figure"
    assert math.isnan(Counts(0, 0, 0).f1), "neither"


def test_ratio_is_elementwise() -> None:
    np.testing.assert_array_equal(ratio([1, 0, 2], [2, 0, 0]), [0.5, np.nan, np.nan])
