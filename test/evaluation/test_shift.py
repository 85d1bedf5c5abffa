import numpy as np
import pytest

from evaluation.shift import FARTHEST, frequent_shift
from test.evaluation.scenes import row


@pytest.mark.parametrize("by", [-40.0, 0.0, 150.0])
def test_the_most_frequent_difference(by: float) -> None:
    figures = np.array([0.0, 300.0, 700.0, 1500.0])
    moved = row([*(figures + by), 90.0], np.ones(5), figures)
    shift = frequent_shift([moved, row([70.0], [0.9], [0.0])])
    assert shift is not None and np.allclose(shift, (by, 0))


def test_similar_differences_are_averaged() -> None:
    shift = frequent_shift([row([38.0, 642.0], [0.9, 0.9], [0.0, 600.0])])
    assert shift is not None and np.allclose(shift, (40, 0))


def test_nothing_near() -> None:
    far = row([FARTHEST + 1], [0.9], [0.0])
    improbable, empty = row([20.0], [0.1], [0.0]), row([], [], [0.0])
    assert frequent_shift([far, improbable, empty]) is None
