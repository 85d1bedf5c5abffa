"""Compares reviewers with each other, and verdicts with probabilities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

from batch.challenge_json import MITOTIC_FIGURE, NON_MITOTIC_FIGURE
from batch.documents.review import Agreement, Disagreement, FolderReview, PrecisionBin
from report.reviews.consensus import Cell, reviewed_cells
from report.reviews.read import ByReviewer
from report.saved import Saved

BINS = 10
Z = 1.959964  # 97.5 % quantile of the standard normal distribution


def folder_review(images: Sequence[Saved], reviews: Sequence[ByReviewer]) -> FolderReview:
    """Precision and agreement over all images of a folder."""
    cells = [
        (saved.file, by_reviewer, cell)
        for saved, by_reviewer in zip(images, reviews, strict=True)
        if by_reviewer
        for cell in reviewed_cells(saved, by_reviewer)
    ]
    names = dict.fromkeys(name for by_reviewer in reviews for name in by_reviewer)
    return FolderReview(
        precision=precision([cell for _, _, cell in cells]),
        agreement=[_agreement(one, other, cells) for one, other in combinations(names, 2)],
    )


def precision(cells: Sequence[Cell]) -> list[PrecisionBin]:
    """The share of mitotic figures among the decided detections, by tenths of probability."""
    decided = (MITOTIC_FIGURE, NON_MITOTIC_FIGURE)
    bins: dict[int, Counter[str]] = {}
    for cell in cells:
        if cell.probability is not None and cell.verdict in decided:
            number = min(int(cell.probability * BINS), BINS - 1)
            bins.setdefault(number, Counter())[cell.verdict] += 1
    return [
        PrecisionBin(
            low=number / BINS,
            high=(number + 1) / BINS,
            reviewed=verdicts.total(),
            confirmed=verdicts[MITOTIC_FIGURE],
            interval=wilson(verdicts[MITOTIC_FIGURE], verdicts.total()),
        )
        for number, verdicts in sorted(bins.items())
    ]


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % confidence interval of a share (Wilson 1927, J Am Stat Assoc 22:209-212)."""
    share, spread = successes / trials, Z**2 / trials
    centre = (share + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * (share * (1 - share) / trials + spread / trials / 4) ** 0.5
    return max(centre - half, 0.0), min(centre + half, 1.0)


def kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Agreement beyond chance (Cohen 1960, Educ Psychol Meas 20:37-46); None where undefined.

    pairs: verdicts of two reviewers on the same cells.
    """
    if not pairs:
        return None
    first, second = (Counter(side) for side in zip(*pairs, strict=True))
    observed = sum(one == other for one, other in pairs) / len(pairs)
    chance = sum(first[verdict] * second[verdict] for verdict in first) / len(pairs) ** 2
    return None if chance == 1 else (observed - chance) / (1 - chance)


def _agreement(one: str, other: str, cells: Sequence[tuple[str, ByReviewer, Cell]]) -> Agreement:
    """Of two reviewers, on the images that both reviewed."""
    shared = [(file, cell) for file, by, cell in cells if one in by and other in by]
    pairs = [
        (cell.votes[one], cell.votes[other])
        for _, cell in shared
        if cell.rank is not None and one in cell.votes and other in cell.votes
    ]
    return Agreement(
        reviewers=[one, other],
        cells=len(pairs),
        agreed=sum(first == second for first, second in pairs),
        kappa=kappa(pairs),
        disagreements=[d for file, cell in shared if (d := _differs(file, cell, one, other))],
    )


def _differs(file: str, cell: Cell, one: str, other: str) -> Disagreement | None:
    """A detection that both judged differently, or a figure that one of them alone added."""
    verdicts = [cell.votes.get(one), cell.votes.get(other)]
    unjudged = cell.rank is not None and None in verdicts
    if unjudged or verdicts[0] == verdicts[1]:
        return None
    return Disagreement(
        file=file,
        x=cell.x,
        y=cell.y,
        rank=cell.rank,
        probability=cell.probability,
        verdicts=verdicts,
    )
