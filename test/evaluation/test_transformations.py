import numpy as np
import pytest

from evaluation.transformations import FACTORS, LEVELS, TRANSFORMATIONS

WIDTH, HEIGHT = 3000, 2000

# How a file may state x and y of the true positions.
STATED = {
    "with x and y exchanged": lambda x, y: (y, x),
    "with y counted from the bottom": lambda x, y: (x, HEIGHT - 1 - y),
    "with x counted from the right": lambda x, y: (WIDTH - 1 - x, y),
    "turned by 180°": lambda x, y: (WIDTH - 1 - x, HEIGHT - 1 - y),
    "turned by 90° to the left": lambda x, y: (HEIGHT - 1 - y, x),
    "turned by 90° to the right": lambda x, y: (y, WIDTH - 1 - x),
    "with x and y exchanged and turned by 180°": lambda x, y: (HEIGHT - 1 - y, WIDTH - 1 - x),
    "read as µm": lambda x, y: (x / 4, y / 4),
    "read as percent of the image": lambda x, y: (100 * x / WIDTH, 100 * y / HEIGHT),
    "multiplied by 2": lambda x, y: (x / 2, y / 2),
    "multiplied by 8": lambda x, y: (x / 8, y / 8),
    "multiplied by 16": lambda x, y: (x / 16, y / 16),
    "multiplied by 32": lambda x, y: (x / 32, y / 32),
    "multiplied by 0.5": lambda x, y: (x * 2, y * 2),
    "multiplied by 0.25": lambda x, y: (x * 4, y * 4),
}


@pytest.mark.parametrize("name", STATED)
def test_it_leads_back_to_the_true_positions(name: str) -> None:
    true = np.random.default_rng(0).uniform(0, (WIDTH - 1, HEIGHT - 1), (9, 2))
    stated = np.stack(STATED[name](*true.T), axis=1)
    last, mpp = np.array([WIDTH - 1.0, HEIGHT - 1.0]), np.array([0.25, 0.25])
    np.testing.assert_allclose(TRANSFORMATIONS[name](stated, last, mpp), true, atol=1e-6)


def test_factors() -> None:
    assert {"multiplied by 4", "multiplied by 1.25"} <= TRANSFORMATIONS.keys() - STATED.keys()
    assert not set(FACTORS) & {1.0, *LEVELS}
    assert max(np.diff(FACTORS)) <= 0.0101
