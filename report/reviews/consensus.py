"""What the reviewers of an image say together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from batch.challenge_json import MITOTIC_FIGURE, NON_MITOTIC_FIGURE
from batch.documents.review import AddedFigure, Judgement, ReviewedCounts
from model.detections import MERGE_RADIUS_UM
from report.reviews.read import ByReviewer
from report.saved import Saved


class Cell(NamedTuple):
    """A cell that somebody judged.

    Attributes:
        x, y: px of the image.
        probability: None for a figure that a reviewer added.
        rank: of the detection by probability, from 1; None for an added figure.
        votes: verdict of each reviewer who gave one.
        verdict: that of more than half of the reviewers, else "unsure".
    """

    x: float
    y: float
    probability: float | None
    rank: int | None
    votes: Mapping[str, Judgement]
    verdict: Judgement


def reviewed_cells(saved: Saved, reviews: ByReviewer) -> list[Cell]:
    """The cells of an image that were judged: detections by probability, then added figures."""
    return [*_detections(saved, reviews), *_added(saved, reviews)]


def _detections(saved: Saved, reviews: ByReviewer) -> list[Cell]:
    votes: dict[tuple[float, float], dict[str, Judgement]] = {}
    for name, review in reviews.items():
        for cell in review.verdicts:
            if cell.verdict is not None:
                votes.setdefault((cell.x, cell.y), {})[name] = cell.verdict
    return [
        Cell(d.x, d.y, d.probability, rank, given, _majority(given, len(given)))
        for rank, d in enumerate(saved.detections, 1)
        if (given := votes.get((d.x, d.y)))
    ]


def _added(saved: Saved, reviews: ByReviewer) -> list[Cell]:
    """Added figures; those of different reviewers within MERGE_RADIUS_UM are one cell.

    Whoever reviewed the image without adding a figure has not called it one.
    """
    cells: list[Cell] = []
    for name, review in reviews.items():
        for figure in review.missed:
            same = next((c for c in cells if name not in c.votes and _near(saved, c, figure)), None)
            if same is not None:
                cells.remove(same)
            given: dict[str, Judgement] = {**(same.votes if same else {}), name: MITOTIC_FIGURE}
            place = same or figure
            verdict = _majority(given, len(reviews))
            cells.append(Cell(place.x, place.y, None, None, given, verdict))
    return cells


def _near(saved: Saved, cell: Cell, figure: AddedFigure) -> bool:
    across, down = (cell.x - figure.x) * saved.mpp[0], (cell.y - figure.y) * saved.mpp[1]
    return across**2 + down**2 <= MERGE_RADIUS_UM**2


def _majority(votes: Mapping[str, Judgement], voters: int) -> Judgement:
    ((verdict, number),) = Counter(votes.values()).most_common(1)
    return verdict if number > voters / 2 else "unsure"


def corrected(saved: Saved, reviews: ByReviewer) -> ReviewedCounts:
    """The counts of an image after its reviews."""
    cells = reviewed_cells(saved, reviews)
    detected = [cell for cell in cells if cell.rank is not None]
    verdicts = Counter(cell.verdict for cell in detected)
    added = Counter(cell.verdict for cell in cells if cell.rank is None)
    reached = sum(cell.rank <= saved.figures for cell in detected if cell.rank is not None)
    unreviewed = saved.figures - reached
    figures = verdicts[MITOTIC_FIGURE] + added[MITOTIC_FIGURE] + unreviewed
    return ReviewedCounts(
        reviewers=list(reviews),
        confirmed=verdicts[MITOTIC_FIGURE],
        rejected=verdicts[NON_MITOTIC_FIGURE],
        unsure=verdicts["unsure"] + added["unsure"],
        added=added[MITOTIC_FIGURE],
        unreviewed=unreviewed,
        mitotic_figures=figures,
        mitotic_figures_per_mm2=figures / saved.counted_mm2 if saved.counted_mm2 else None,
    )
