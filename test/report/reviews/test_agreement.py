"""Kappa and intervals against published examples and independent programs."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from report.reviews.agreement import folder_review, kappa, precision, wilson
from report.reviews.consensus import reviewed_cells
from test.report.builders import saved
from test.report.reviews.builders import reviewed


def test_kappa_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        pairs = [tuple(rng.choice(["a", "b", "c"], 2, p=[0.6, 0.3, 0.1])) for _ in range(40)]
        expected = cohen_kappa_score(*zip(*pairs, strict=True))
        assert kappa(pairs) == pytest.approx(expected)


def test_kappa_of_a_table() -> None:
    """Twenty yes, five yes and no, ten no and yes, fifteen no: 0.4 by hand."""
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert kappa(pairs) == pytest.approx((0.7 - 0.5) / (1 - 0.5))


@pytest.mark.parametrize("pairs", [[], [("y", "y")] * 3])
def test_kappa_is_undefined_without_variation(pairs: list[tuple[str, str]]) -> None:
    assert kappa(pairs) is None


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_as_published(successes: int, trials: int, low: float, high: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17:857-872, table I, method 3."""
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


def test_precision_by_probability() -> None:
    """Of 0.99, 0.9, 0.85, 0.7, 0.3, 0.02; whoever is unsure decides nothing."""
    image = saved()
    bins = precision(reviewed_cells(image, {"A": reviewed(image, "ynyu-n", ((50.0, 5.0),))}))
    assert [(b.low, b.reviewed, b.confirmed) for b in bins] == [
        (0.0, 1, 0),
        (0.8, 1, 1),
        (0.9, 2, 1),
    ]


def test_disagreements() -> None:
    image, other = saved(), saved(file="b.tif")
    first = {"A": reviewed(image, "yyn-", ((200.0, 5.0),)), "B": reviewed(image, "ynuy")}
    (pair,) = folder_review([image, other], [first, {"A": reviewed(other, "y")}]).agreement
    assert (pair.reviewers, pair.cells, pair.agreed) == (["A", "B"], 3, 1)
    assert [(d.probability, d.verdicts) for d in pair.disagreements] == [
        (0.9, ["mitotic figure", "non-mitotic figure"]),
        (0.85, ["non-mitotic figure", "unsure"]),
        (None, ["mitotic figure", None]),
    ]
    assert folder_review([image], [{"A": first["A"]}]).agreement == []
