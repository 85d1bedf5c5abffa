"""Which detection found which figure: within 7.5 µm, each detection and each figure at most once.

There are four rules, because the count depends on the rule if points are crowded:

official   evalutils.scorers.score_detection: the figures, in the order of the ground truth, each
           take the nearest detection that no earlier figure took. Another order of the same
           figures can give another count.
optimal    the largest number of pairs of any assignment, which does not depend on an order.
ranked     the detections, from the most probable down (ties by y, then x), each take the nearest
           figure that no earlier detection took. Less probable detections do not affect more
           probable ones, which average precision needs.
boxes      as ranked, but points are boxes of 22.5 µm, and the figure taken is the one of the
           largest overlap (intersection over union) of at least 0.5, as in COCO. The MIDOG 2025
           evaluation computes its average precision with them.

The first three use evalutils to find the points within the radius: a distance equal to the radius
counts, and equal distances are taken in evalutils' order.
"""

import numpy as np
from evalutils.scorers import find_hits_for_targets, score_detection
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching
from scipy.spatial import cKDTree

from evaluation.counts import Counts
from evaluation.scored_image import ScoredImage
from model.detections import MERGE_RADIUS_UM

RADIUS = MERGE_RADIUS_UM / 1000  # mm
BOX_SIDE = 0.0225  # mm; shifted by RADIUS along one axis, two boxes overlap by half (IoU 0.5)
LEAST_OVERLAP = 0.5

Points = list[tuple[float, ...]]


def to_millimetres(points: np.ndarray, mpp: tuple[float, float]) -> Points:
    """(n, 2) px as the platform's points: x, y, z in mm with z = 0, as evalutils wants them."""
    flat = np.asarray(points, dtype=np.float64).reshape(-1, 2) * np.array(mpp) * 1e-3
    return [(x, y, 0.0) for x, y in flat.tolist()]


def match_official(image: ScoredImage) -> Counts:
    """The challenge's count of the positives of an image."""
    score = score_detection(
        ground_truth=to_millimetres(image.figures, image.mpp),
        predictions=to_millimetres(image.positives(), image.mpp),
        radius=RADIUS,
    )
    return Counts(score.true_positives, score.false_positives, score.false_negatives)


def match_optimal(image: ScoredImage) -> Counts:
    """The count of a largest assignment between the positives and the figures of an image."""
    figures, positives = image.figures, image.positives()
    near = _neighbours(figures, positives, image.mpp)
    columns = np.array([column for row in near for column in row], dtype=np.int32)
    starts = np.cumsum([0, *(len(row) for row in near)], dtype=np.int32)
    graph = csr_array(
        (np.ones(len(columns), dtype=np.int8), columns, starts),
        shape=(len(figures), len(positives)),
    )
    found = int((maximum_bipartite_matching(graph, perm_type="column") >= 0).sum())
    counts = Counts(found, len(positives) - found, len(figures) - found)
    assert min(counts) >= 0, counts
    assert found >= match_official(image).true_positives, "an assignment beats the largest one"
    return counts


def ranking(image: ScoredImage) -> np.ndarray:
    """(n,) int: the detections from the most probable down, ties by y, then x."""
    points = np.asarray(image.points).reshape(-1, 2)
    return np.lexsort((points[:, 0], points[:, 1], -np.asarray(image.probabilities)))


def hits_by_rank(image: ScoredImage) -> np.ndarray:
    """(n,) bool in the order of ranking(): whether a detection finds a figure, ranked rule."""
    near = _neighbours(image.points[ranking(image)], image.figures, image.mpp)
    return _take_in_turn(near, len(image.figures))


def box_hits_by_rank(image: ScoredImage) -> np.ndarray:
    """(n,) bool in the order of ranking(): whether a detection finds a figure, rule of boxes."""
    sides = np.array(image.mpp) * 1e-3 / BOX_SIDE
    points, figures = image.points[ranking(image)] * sides, image.figures * sides
    if len(figures) == 0:
        return np.zeros(len(points), dtype=bool)
    near = cKDTree(figures).query_ball_point(points, r=0.5, p=np.inf)
    preferences = [
        _by_overlap(point, figures, row) for point, row in zip(points, near, strict=True)
    ]
    return _take_in_turn(preferences, len(figures))


def _by_overlap(point: np.ndarray, figures: np.ndarray, near: list[int]) -> list[int]:
    """The figures near a point that overlap it enough, most first; positions in box sides."""
    shared = (1 - np.abs(figures[near] - point)).prod(axis=1)
    overlap = shared / (2 - shared)
    order = np.argsort(-overlap, kind="stable")
    return [near[place] for place in order if overlap[place] >= LEAST_OVERLAP]


def _take_in_turn(preferences: list[list[int]], figures: int) -> np.ndarray:
    """(n,) bool: whether each detection, in this order, gets a figure that no earlier one took.

    preferences: for each detection the figures that it may take, the best first.
    """
    free = np.ones(figures, dtype=bool)
    hits = np.zeros(len(preferences), dtype=bool)
    for rank, wanted in enumerate(preferences):
        figure = next((figure for figure in wanted if free[figure]), None)
        if figure is not None:
            free[figure], hits[rank] = False, True
    assert hits.sum() == (~free).sum()
    return hits


def official_gains_by_rank(image: ScoredImage) -> np.ndarray:
    """(n,) bool in the order of ranking(): whether a detection adds one to the official count.

    The sum of the first k is the official number of true positives of the k most probable
    detections, so one pass gives the official score at every threshold. Each new detection is
    offered to the figures in their order: a figure that prefers it to its present detection keeps
    it, and that one is offered to the following figures instead. The count rises by one if a figure
    without a detection keeps an offer.
    """
    order = ranking(image)
    preferences = [
        {detection: place for place, detection in enumerate(row)}
        for row in _neighbours(image.figures, image.points[order], image.mpp)
    ]
    reachable = sorted({detection for row in preferences for detection in row})
    taken: list[int | None] = [None] * len(preferences)
    gains = np.zeros(len(order), dtype=bool)
    for new in reachable:
        offered: int = new
        for figure, preference in enumerate(preferences):
            present = taken[figure]
            if offered not in preference:
                continue
            if present is None:
                taken[figure], gains[new] = offered, True
                break
            if preference[offered] < preference[present]:
                taken[figure], offered = offered, present
    assert gains.sum() == sum(detection is not None for detection in taken)
    return gains


def _neighbours(
    targets: np.ndarray, points: np.ndarray, mpp: tuple[float, float]
) -> list[list[int]]:
    """For each target the indices of the points within the radius, nearest first."""
    if len(targets) == 0 or len(points) == 0:
        return [[] for _ in targets]
    hits = find_hits_for_targets(
        targets=to_millimetres(targets, mpp),
        predictions=to_millimetres(points, mpp),
        radius=RADIUS,
    )
    return [[int(index) for index in row] for row in hits]
