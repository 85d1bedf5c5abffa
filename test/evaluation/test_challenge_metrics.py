"""The challenge's own measures, against values of its program and against brute force."""

import math

import numpy as np
import pytest
from evalutils.scorers import score_detection
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.challenge_metrics import box_average_precision, froc_auc
from evaluation.matching import RADIUS, to_millimetres
from evaluation.pool import pool
from evaluation.scored_image import ScoredImage
from test.evaluation.scenes import row

SIDE = 22.5 / 0.25  # px: the side of the boxes


def scene(seed: int) -> list[ScoredImage]:
    """Four to eight fields of 0.02 mm² with figures found, figures missed and false alarms."""
    random = np.random.default_rng(seed)
    images = []
    for name in range(4 + seed % 5):
        count = random.integers(0, 12)
        figures = random.uniform(0, 600, (count, 2))
        found = figures[random.random(count) < 0.8]
        found = found + random.normal(0, 14, found.shape)
        alarms = random.uniform(0, 600, (random.integers(0, 15), 2))
        points = np.vstack([found, alarms])
        scores = [random.beta(4, 2, len(found)), random.beta(2, 4, len(alarms))]
        images.append(ScoredImage(str(name), points, np.concatenate(scores), figures, (0.25, 0.25)))
    return images


@pytest.mark.parametrize(
    ("seed", "average_precision", "area"),
    [
        (0, 0.352976, 4.725662),
        (1, 0.546361, 5.818056),
        (2, 0.359104, 4.818214),
        (3, 0.532376, 5.605442),
        (6, 0.321947, 3.747512),
        (9, 0.638011, 5.756069),
    ],
)
def test_values_of_the_challenge_s_program(
    seed: int, average_precision: float, area: float
) -> None:
    """torchmetrics 1.9.0 (map_50) with the options of MIDOG 2025, and its area under the FROC.

    The area is compared loosely: where thresholds tie, it depends on NumPy's sort of the machine.
    """
    pooled = pool(scene(seed))
    assert box_average_precision(pooled) == pytest.approx(average_precision, abs=2e-6)
    assert froc_auc(pooled) == pytest.approx(area, abs=0.15)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_average_precision_by_brute_force(seed: int) -> None:
    images = scene(seed)
    expected = coco_average_precision(images)
    assert box_average_precision(pool(images)) == pytest.approx(expected, abs=1e-9, nan_ok=True)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_area_by_brute_force(seed: int) -> None:
    images = scene(seed)
    if not any(len(image.points) for image in images):
        return
    expected = area_by_rescoring(images)
    assert froc_auc(pool(images)) == pytest.approx(expected, abs=1e-5, nan_ok=True)


def coco_average_precision(images: list[ScoredImage]) -> float:
    """Box by box: each detection takes the free figure of the largest overlap of at least half."""
    ranked = []
    for number, image in enumerate(images):
        free = {tuple(figure) for figure in image.figures}
        for place in np.argsort(-image.probabilities):
            point = image.points[place]
            best = max(free, key=lambda f: overlap(point, f), default=None)
            hit = best is not None and overlap(point, best) >= 0.5
            free -= {best} if hit else set()
            ranked.append((image.probabilities[place], number, hit))
    hits = [hit for *_, hit in sorted(ranked, key=lambda row: -row[0])]
    figures = sum(len(image.figures) for image in images)
    if figures == 0:
        return math.nan
    steps = [(sum(hits[: n + 1]) / figures, sum(hits[: n + 1]) / (n + 1)) for n in range(len(hits))]
    return float(
        np.mean([
            max((precision for recall, precision in steps if recall >= level), default=0.0)
            for level in np.linspace(0, 1, 101)
        ])
    )  # fmt: skip


def overlap(point: np.ndarray, figure: tuple[float, ...]) -> float:
    dx, dy = (max(0.0, SIDE - abs(float(a) - float(b))) for a, b in zip(point, figure, strict=True))
    return dx * dy / (2 * SIDE**2 - dx * dy)


def area_by_rescoring(images: list[ScoredImage]) -> float:
    """Every field scored by evalutils at each of 40 thresholds."""
    scores = np.concatenate([image.probabilities for image in images])
    found, alarms = [], []
    for threshold in np.linspace(scores.min(), scores.max(), 40):
        counts = [
            score_detection(
                ground_truth=to_millimetres(image.figures, image.mpp),
                predictions=to_millimetres(
                    image.points[image.probabilities >= threshold], image.mpp
                ),
                radius=RADIUS,
            )
            for image in images
        ]
        found.append(sum(count.true_positives for count in counts))
        alarms.append(sum(count.false_positives for count in counts) / len(images))
    figures = sum(len(image.figures) for image in images)
    if figures == 0:
        return math.nan
    order = np.argsort(np.array(alarms))
    places = np.linspace(0, 8, 50)
    recall = np.array(found)[order] / figures
    heights = np.interp(places, np.array(alarms)[order], recall, left=0)
    return float(sum((heights[1:] + heights[:-1]) / 2 * np.diff(places)))


def test_the_area_by_hand() -> None:
    """Half of the figures with none to four false positives, all of them with five."""
    points = [0.0, 200.0, 400.0, 600.0, 800.0, 1000.0, 1200.0]
    image = row(points, [0.9, *[0.5] * 4, 0.1, 0.1], [0.0, 1000.0])
    assert froc_auc(pool([image])) == pytest.approx(4 * 0.5 + 1 * 0.75 + 3 * 1.0, abs=0.02)


def test_a_perfect_ranking() -> None:
    points = [0.0, 500.0, *(1000.0 + 200 * n for n in range(9))]
    image = row(points, [0.9, 0.9, *[0.1] * 9], [0.0, 500.0])
    assert froc_auc(pool([image])) == pytest.approx(8.0)
    assert box_average_precision(pool([image])) == pytest.approx(1.0)


def test_a_box_shifted_along_one_axis_overlaps_by_half_within_the_radius() -> None:
    for x, expected in ((29.999, 1.0), (30.001, 0.0)):
        assert box_average_precision(pool([row([x], [0.9], [0.0])])) == expected


def test_what_is_not_defined() -> None:
    assert math.isnan(box_average_precision(pool([row([1.0], [0.5], [])])))
    assert math.isnan(froc_auc(pool([row([1.0], [0.5], [])])))
    assert math.isnan(froc_auc(pool([row([], [], [0.0])])))
    assert box_average_precision(pool([row([], [], [0.0])])) == 0.0
