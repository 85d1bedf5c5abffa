"""The three rules, by hand and against brute force."""

from itertools import permutations

import numpy as np
import pytest
from evalutils.scorers import score_detection
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.matching import (
    hits_by_rank,
    match_official,
    match_optimal,
    official_gains_by_rank,
    ranking,
)
from evaluation.scored_image import ScoredImage
from test.evaluation.scenes import crowded, row

seeds = st.integers(0, 2**32 - 1)


def distances(image: ScoredImage) -> np.ndarray:
    """(n, m) µm between detections and figures."""
    return np.linalg.norm((image.points[:, None] - image.figures[None]) * image.mpp, axis=-1)


def test_a_distance_of_the_radius_counts_and_more_does_not() -> None:
    for x, found in ((30.0, 1), (30.001, 0)):
        image = row([x], [0.9], [0.0])
        expected = (found, 1 - found, 1 - found)
        assert match_official(image) == expected
        assert match_optimal(image) == expected
        assert hits_by_rank(image).sum() == found
        assert official_gains_by_rank(image).sum() == found


def test_pixels_need_not_be_square() -> None:
    image = row([0.0], [0.9], [0.0], mpp=(0.25, 0.5))
    along_x = image._replace(figures=np.array([[29.0, 0.0]]))
    along_y = image._replace(figures=np.array([[0.0, 29.0]]))
    assert match_official(along_x) == match_optimal(along_x) == (1, 0, 0)
    assert match_official(along_y) == match_optimal(along_y) == (0, 1, 1)


def test_a_duplicate_is_a_false_positive() -> None:
    image = row([0.0, 1.0], [0.9, 0.8], [0.0])
    assert match_official(image) == match_optimal(image) == (1, 1, 0)


def test_the_official_count_depends_on_the_order_of_the_figures() -> None:
    """The middle figure takes the left detection where it comes first, and the left one is left
    with nothing; the optimal assignment gives it the right detection."""
    points, left, middle = [20.0, 60.0], 0.0, 35.0
    assert match_official(row(points, [0.9, 0.9], [middle, left])) == (1, 1, 1)
    assert match_official(row(points, [0.9, 0.9], [left, middle])) == (2, 0, 0)
    assert match_optimal(row(points, [0.9, 0.9], [middle, left])) == (2, 0, 0)


def test_only_positives_are_matched() -> None:
    image = row([0.0, 100.0], [0.5, 0.49], [0.0, 100.0])
    assert match_official(image) == match_optimal(image) == (1, 0, 1)
    assert hits_by_rank(image).tolist() == [True, True], "a ranking has no threshold"


@pytest.mark.parametrize(
    ("points", "figures", "expected"),
    [([], [], (0, 0, 0)), ([], [1.0, 2.0], (0, 0, 2)), ([1.0, 2.0], [], (0, 2, 0))],
)
def test_empty_images(
    points: list[float], figures: list[float], expected: tuple[int, int, int]
) -> None:
    image = row(points, [0.9] * len(points), figures)
    assert match_official(image) == match_optimal(image) == expected
    assert not hits_by_rank(image).any()
    assert not official_gains_by_rank(image).any()


def test_ranking_is_by_probability_then_y_then_x() -> None:
    image = row([0, 1, 2, 3], [0.5, 0.9, 0.5, 0.5], [])
    image = image._replace(points=np.array([[2.0, 5.0], [9.0, 9.0], [1.0, 5.0], [7.0, 4.0]]))
    assert ranking(image).tolist() == [1, 3, 2, 0]


def test_the_more_probable_detection_takes_the_figure_though_it_is_farther() -> None:
    image = row([20.0, 1.0], [0.9, 0.8], [0.0])
    assert hits_by_rank(image).tolist() == [True, False]


@settings(deadline=None)
@given(seeds)
def test_optimal_is_the_best_of_all_assignments(seed: int) -> None:
    image = crowded(seed)
    positives = image.positives()[:6]
    image = image._replace(points=positives, probabilities=np.ones(len(positives)))
    near = distances(image) <= 7.5
    pairs = near if near.shape[0] <= near.shape[1] else near.T
    best = max(
        sum(pairs[row, column] for row, column in enumerate(columns))
        for columns in permutations(range(pairs.shape[1]), pairs.shape[0])
    )
    assert match_optimal(image) == (best, len(positives) - best, len(image.figures) - best)


@settings(deadline=None)
@given(seeds)
def test_official_gains_add_up_to_the_official_count_at_every_length(seed: int) -> None:
    image = crowded(seed)
    gains = official_gains_by_rank(image)
    order = ranking(image)
    for length in range(len(order) + 1):
        score = score_detection(
            ground_truth=[(x / 4000, y / 4000, 0) for x, y in image.figures],
            predictions=[(x / 4000, y / 4000, 0) for x, y in image.points[order[:length]]],
            radius=0.0075,
        )
        assert gains[:length].sum() == score.true_positives


@settings(deadline=None)
@given(seeds)
def test_hits_by_rank_against_plain_loops(seed: int) -> None:
    image = crowded(seed, levels=5)
    distance = distances(image)
    order = sorted(
        range(len(image.points)),
        key=lambda i: (-image.probabilities[i], image.points[i, 1], image.points[i, 0]),
    )
    free, expected = set(range(len(image.figures))), []
    for detection in order:
        reachable = [figure for figure in free if distance[detection, figure] <= 7.5]
        if reachable:
            free.remove(min(reachable, key=lambda figure: distance[detection, figure]))
        expected.append(bool(reachable))
    assert hits_by_rank(image).tolist() == expected
