"""The proposal against brute force: scoring by hand at every threshold, on every resample."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.bootstrap import draw
from evaluation.counts import Counts
from evaluation.matching import match_official
from evaluation.pool import official_curve, pool
from evaluation.scored_image import ScoredImage
from evaluation.threshold_choice import (
    FEWEST_FIGURES,
    NoProposal,
    best_thresholds,
    choose_threshold,
    counts_at,
    mean_in_log_odds,
)
from test.evaluation.scenes import crowded, row


def field(seed: int, figures: int = 10, threshold: float = 0.9) -> ScoredImage:
    """Figures at probabilities of 0.4 to 0.8 and as many false alarms at 0.1 to 0.5."""
    random = np.random.default_rng(seed)
    places = 100.0 * np.arange(2 * figures)
    scores = [random.uniform(0.4, 0.8, figures), random.uniform(0.1, 0.5, figures)]
    return row(places, np.concatenate(scores), places[:figures], threshold=threshold)


def rescored(images: list[ScoredImage], threshold: float) -> Counts:
    """The official counts at a threshold, each image scored again."""
    counts = [match_official(image._replace(threshold=threshold)) for image in images]
    return Counts(*np.sum(counts, axis=0))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4), st.floats(0, 1))
def test_counts_at_a_threshold(seeds: list[int], threshold: float) -> None:
    images = [crowded(seed) for seed in seeds]
    assert counts_at(official_curve(pool(images)), threshold) == rescored(images, threshold)


def test_the_best_threshold_of_each_resample() -> None:
    images = [field(seed, figures=3) for seed in range(5)]
    drawn = draw([None] * 5, resamples=20)
    for weights, threshold in zip(drawn.weights, best_thresholds(pool(images), drawn), strict=True):
        repeated = [i for i, n in zip(images, weights, strict=True) for _ in range(n)]
        scores = {p: rescored(repeated, p).f1 for i in repeated for p in i.probabilities}
        assert threshold == max(p for p, f1 in scores.items() if f1 == max(scores.values()))


def test_the_proposal_and_what_it_is_worth() -> None:
    images = [field(seed, figures=5) for seed in range(6)]
    choice = choose_threshold(images, resamples=100)
    assert 0.35 < choice.low <= choice.proposed <= choice.high < 0.6
    assert (choice.unit, choice.units) == ("field", 6)
    assert choice.counts == rescored(images, choice.proposed)
    assert choice.before == rescored(images, 0.9) == (0, 0, 30)
    assert choice.gain.value == pytest.approx(choice.counts.f1 - 0.0)
    assert choice.gain.low > 0.8
    assert 0.8 < choice.held_out_f1 <= choice.counts.f1 + 0.05
    drawn = draw([None] * 6, resamples=100)
    best = max(rescored(images, p).f1 for i in images for p in i.probabilities)
    losses = [best - rescored(images, t).f1 for t in best_thresholds(pool(images), drawn)]
    assert choice.loss == pytest.approx(np.mean(losses))


def test_slides_are_drawn_where_there_are_four() -> None:
    images = [field(seed, 3)._replace(slide=f"S{seed // 2}") for seed in range(8)]
    choice = choose_threshold(images, resamples=50)
    assert (choice.unit, choice.units) == ("slide", 4)


def test_more_figures_until_the_choice_is_useful() -> None:
    few = choose_threshold([field(0, 2), field(1, 2)], resamples=50)
    assert not few.useful
    assert few.more_figures >= FEWEST_FIGURES - 4
    many = choose_threshold([field(seed, 10) for seed in range(30)], resamples=50)
    assert many.useful and many.more_figures == 0 and many.loss <= 0.01
    needed = [
        choice.more_figures + 40
        for seed in range(8)
        if (choice := choose_threshold([field(seed + n, 10) for n in range(4)], 50)).loss > 0.01
    ]
    assert all(number > 40 for number in needed)


def test_one_field_has_a_proposal_without_interval_and_is_not_useful() -> None:
    choice = choose_threshold([field(3, 40)])
    assert math.isnan(choice.low) and math.isnan(choice.held_out_f1) and choice.units == 1
    assert choice.more_figures == 0 and not choice.useful
    best = max(rescored([field(3, 40)], p).f1 for p in field(3, 40).probabilities)
    assert choice.counts.f1 == best


def test_the_proposal_has_few_digits() -> None:
    choice = choose_threshold([row([0.0, 500.0], [0.7654321, 0.1234567], [0.0])])
    assert choice.proposed == 0.77 - 0.01 or choice.proposed == 0.765
    close = [row([0.0, 500.0], [0.98765432, 0.98765431], [0.0])]
    proposed = choose_threshold(close).proposed
    assert rescored(close, proposed).f1 == 1.0


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (row([0.0], [0.9], []), "contain no mitotic figure; annotate fields with at least 30"),
        (row([], [], [0.0]), "nothing was detected in the annotated fields"),
        (row([500.0], [0.9], [0.0, 9.0]), "none of the 2 annotated mitotic figures is within"),
    ],
)
def test_fields_without_a_proposal(image: ScoredImage, message: str) -> None:
    with pytest.raises(NoProposal, match=message):
        choose_threshold([image, image._replace(figures=image.figures[:0])], resamples=10)
    with pytest.raises(NoProposal, match="contain no mitotic figure"):
        choose_threshold([])


def test_the_mean_is_taken_in_log_odds() -> None:
    assert mean_in_log_odds(np.array([0.1, 0.9, np.inf]), 0.3) == pytest.approx(0.5)
    assert mean_in_log_odds(np.array([np.inf]), 0.3) == 0.3
    assert mean_in_log_odds(np.array([1.0]), 0.3) < 1.0
