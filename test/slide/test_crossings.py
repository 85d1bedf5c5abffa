"""Which outlines cross themselves."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from slide.crossings import crosses_itself
from test.slide.test_regions_of_interest import SQUARE, star


def ring(corners: object) -> np.ndarray:
    return np.array(corners, float)


def crosses_by_pairs(ring: np.ndarray) -> bool:
    """By the parameters at which the lines through each two edges meet."""
    edges = list(zip(ring, np.roll(ring, -1, axis=0), strict=True))
    for (a, b), (c, d) in combinations(edges, 2):
        matrix = np.stack([b - a, c - d], axis=1)
        if abs(np.linalg.det(matrix)) > 1e-9:
            places = np.linalg.solve(matrix, c - a)
            if (places > 1e-9).all() and (places < 1 - 1e-9).all():
                return True
    return False


@pytest.mark.parametrize("corners", [4, 6, 9])
def test_random_outlines(corners: int) -> None:
    generator = np.random.default_rng(corners)
    found = set()
    for _ in range(60):
        outline = generator.uniform(0, 100, (corners, 2))
        assert crosses_itself(outline) == crosses_by_pairs(outline)
        found.add(crosses_itself(outline))
    assert True in found


@pytest.mark.parametrize("seed", range(4))
def test_what_crosses_nothing(seed: int) -> None:
    assert not crosses_itself(star(seed, (50.0, 40.0), 45))
    assert not crosses_itself(ring(SQUARE))
    touching = [[0, 0], [10, 10], [0, 20], [20, 20], [10, 10], [20, 0], [0, 0]]
    assert not crosses_itself(ring(touching))


def test_a_bow_tie() -> None:
    assert crosses_itself(ring([[0, 0], [50, 50], [50, 0], [0, 50]]))


def test_a_fine_outline() -> None:
    angles = np.linspace(0, 2 * np.pi, 20_000, endpoint=False)
    outline = 5000 + (4000 + 50 * np.cos(9 * angles))[:, None] * np.stack(
        [np.cos(angles), np.sin(angles)], axis=1
    )
    assert not crosses_itself(outline)
    outline[[300, 4000]] = outline[[4000, 300]]
    assert crosses_itself(outline)
