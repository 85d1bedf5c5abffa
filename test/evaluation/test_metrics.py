"""Metrics by hand, and derived a second time the slow way."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.counts import Counts
from evaluation.matching import match_official
from evaluation.metrics import (
    average_precision,
    best_operating_point,
    best_threshold,
    froc,
    official_curve,
    pool,
    ranked_curve,
    summary,
)
from evaluation.scored_image import ScoredImage
from test.evaluation.scenes import crowded, row

seeds = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4)


def ap(*images: ScoredImage) -> float:
    return average_precision(ranked_curve(pool(images)))


def with_threshold(images: list[ScoredImage], threshold: float) -> list[ScoredImage]:
    return [image._replace(threshold=threshold) for image in images]


def official_sum(images: list[ScoredImage]) -> Counts:
    return Counts(*np.sum([match_official(image) for image in images], axis=0))


def test_average_precision_by_hand() -> None:
    """Right, wrong, right, of three figures: recall 1/3 at precision 1, 2/3 at precision 2/3."""
    image = row([0.0, 500.0, 100.0], [0.9, 0.8, 0.7], [0.0, 100.0, 900.0])
    assert ap(image) == pytest.approx(1 / 3 * 1 + 1 / 3 * 2 / 3)


def test_average_precision_pools_the_ranking_over_images() -> None:
    first = row([0.0, 500.0], [0.9, 0.7], [0.0])
    second = row([0.0], [0.8], [0.0])
    assert ap(first, second) == pytest.approx(1.0), "the false positive comes last"
    assert ap(first._replace(probabilities=np.array([0.9, 0.85])), second) == pytest.approx(
        1 / 2 + 1 / 2 * 2 / 3
    )


def test_equal_probabilities_enter_together_whatever_their_order() -> None:
    found_first = row([0.0, 500.0], [0.9, 0.9], [0.0])
    found_last = row([500.0, 0.0], [0.9, 0.9], [0.0])
    assert ap(found_first) == ap(found_last) == pytest.approx(0.5)


def test_average_precision_of_edge_cases() -> None:
    assert math.isnan(ap(row([0.0], [0.9], []))), "no figures"
    assert math.isnan(ap(row([], [], [])))
    assert ap(row([], [], [0.0])) == 0
    assert ap(row([0.0], [0.9], [0.0]), row([0.0], [0.95], [])) == pytest.approx(0.5)


@settings(deadline=None, max_examples=40)
@given(seeds)
def test_average_precision_threshold_by_threshold(numbers: list[int]) -> None:
    """Each threshold matched again from a cut copy of the images, without the curve."""
    images = [crowded(number, levels=6) for number in numbers]
    figures = sum(len(image.figures) for image in images)
    if figures == 0:
        return
    expected, recall = 0.0, 0.0
    for threshold in sorted({p for image in images for p in image.probabilities}, reverse=True):
        cut = [
            image._replace(
                points=image.points[image.probabilities >= threshold],
                probabilities=image.probabilities[image.probabilities >= threshold],
            )
            for image in images
        ]
        hits = sum(pool([image]).hits.sum() for image in cut)
        detections = sum(len(image.points) for image in cut)
        expected += (hits / figures - recall) * hits / detections
        recall = hits / figures
    assert ap(*images) == pytest.approx(expected)


@settings(deadline=None, max_examples=40)
@given(seeds)
def test_the_best_threshold_is_the_best_of_all_official_scores(numbers: list[int]) -> None:
    images = [crowded(number, levels=20) for number in numbers]
    best = best_threshold(images)
    assert official_sum(with_threshold(images, best.threshold)) == best.counts
    candidates = sorted({p for image in images for p in image.probabilities}, reverse=True)
    values = [official_sum(with_threshold(images, t)).f1 for t in candidates]
    if values:
        assert best.counts.f1 == pytest.approx(np.nan_to_num(max(values)))
        assert best.threshold == candidates[int(np.argmax(values))], "the highest of equals"


def test_the_best_threshold_by_hand() -> None:
    """At 0.8: two of three figures and no false positive, F1 4/5."""
    image = row([0.0, 100.0, 500.0, 600.0], [0.9, 0.8, 0.7, 0.6], [0.0, 100.0, 900.0])
    best = best_threshold([image])
    assert best.threshold == 0.8
    assert best.counts == (2, 0, 1)


def test_without_detections_no_threshold_is_best() -> None:
    best = best_operating_point(official_curve(pool([row([], [], [0.0])])))
    assert best == (math.inf, (0, 0, 1))


def test_froc_by_hand() -> None:
    """Over 2 mm²: half the figures before any false positive, the rest after three (1.5 a mm²)."""
    first = row([0.0, 500.0, 600.0], [0.9, 0.8, 0.7], [0.0])
    second = row([700.0, 100.0], [0.6, 0.5], [100.0])
    curve = ranked_curve(pool([first, second]))
    assert curve.area == pytest.approx(2.0)
    np.testing.assert_allclose(froc(curve, [0.0, 1.0, 1.49, 1.5, 8.0]), [0.5, 0.5, 0.5, 1.0, 1.0])


def test_froc_is_zero_where_even_the_first_detection_is_one_too_many() -> None:
    curve = ranked_curve(pool([row([500.0, 0.0], [0.9, 0.8], [0.0])]))
    np.testing.assert_allclose(froc(curve, [0.5, 1.0]), [0.0, 1.0])


def test_froc_without_figures_or_size_is_not_defined() -> None:
    assert np.isnan(froc(ranked_curve(pool([row([0.0], [0.9], [])])))).all()
    assert np.isnan(froc(ranked_curve(pool([row([0.0], [0.9], [0.0], size=(0, 0))])))).all()


def test_each_image_has_its_own_shipped_threshold() -> None:
    strict = row([0.0], [0.7], [0.0], threshold=0.8)
    lenient = row([0.0], [0.6], [0.0], threshold=0.5)
    numbers = summary(pool([strict, lenient]))
    assert (numbers["precision"], numbers["recall"]) == (1.0, 0.5)
    assert numbers["best_f1"] == 1.0


def test_the_optimal_f1_stands_beside_the_official_one() -> None:
    """The first figure takes the detection that the second needed."""
    numbers = summary(pool([row([20.0, 60.0], [0.9, 0.9], [35.0, 0.0])]))
    assert (numbers["f1"], numbers["optimal_f1"]) == (0.5, 1.0)


@settings(deadline=None, max_examples=40)
@given(seeds)
def test_an_image_of_weight_two_counts_like_two_images(numbers: list[int]) -> None:
    """COCO ranks equal probabilities one by one, so for its AP there must be none."""
    for levels, without in ((10, {"box_ap"}), (10**9, set())):
        images = [crowded(number, levels=levels) for number in dict.fromkeys(numbers)]
        weights = np.arange(len(images)) % 3
        repeated = [im for im, weight in zip(images, weights, strict=True) for _ in range(weight)]
        weighted, expected = summary(pool(images), weights.astype(float)), summary(pool(repeated))
        for name in expected.keys() - without:
            assert weighted[name] == pytest.approx(expected[name], nan_ok=True), name


@settings(deadline=None, max_examples=40)
@given(seeds)
def test_bounds_between_the_numbers(numbers: list[int]) -> None:
    values = summary(pool([crowded(number) for number in numbers]))
    if not math.isnan(values["f1"]):
        assert values["f1"] <= values["optimal_f1"] + 1e-12
        assert values["f1"] <= values["best_f1"] + 1e-12
