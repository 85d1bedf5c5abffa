import numpy as np
import pytest

from evaluation.repetitions import SAME_CELL, repeating, without_repetitions


@pytest.mark.parametrize("seed", range(5))
def test_each_is_kept_unless_near_an_earlier_one_that_is(seed: int) -> None:
    centres = np.random.default_rng(seed).uniform(0, 60, (40, 2))
    kept: list[np.ndarray] = []
    for centre in centres:
        if all(np.linalg.norm(centre - other) > SAME_CELL for other in kept):
            kept.append(centre)
    assert without_repetitions(centres).tolist() == np.array(kept).tolist()
    assert 5 < len(kept) < 40


def test_a_few() -> None:
    assert without_repetitions(np.zeros((0, 2))).shape == (0, 2)
    assert without_repetitions(np.array([[5.0, 5.0]])).tolist() == [[5.0, 5.0]]
    row = np.array([[0.0, 0.0], [6.0, 0.0], [12.0, 0.0]])
    assert without_repetitions(row).tolist() == [[0.0, 0.0], [12.0, 0.0]]


def test_centres_on_the_same_cells() -> None:
    row = np.array([[0.0, 0.0], [20.0, 0.0], [40.0, 0.0]])
    assert repeating(row, np.array([[3.0, 4.0]])) == 1
    assert repeating(row, np.zeros((0, 2))) == repeating(np.zeros((0, 2)), row) == 0
