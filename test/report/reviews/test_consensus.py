"""Counts after review: three of the six detections reach the threshold."""

from __future__ import annotations

import pytest

from report.reviews.consensus import corrected, reviewed_cells
from test.report.builders import SIZE, saved
from test.report.reviews.builders import reviewed

AREA = SIZE[0] * SIZE[1] * 0.0625e-6  # mm²


@pytest.mark.parametrize(
    ("verdicts", "confirmed", "rejected", "unsure", "unreviewed", "figures"),
    [
        ("------", 0, 0, 0, 3, 3),
        ("yyynnn", 3, 3, 0, 0, 3),
        ("n-----", 0, 1, 0, 2, 2),
        ("u--y--", 1, 0, 1, 2, 3),
        ("nnnnnn", 0, 6, 0, 0, 0),
        ("---yyy", 3, 0, 0, 3, 6),
    ],
)
def test_one_reviewer(
    verdicts: str, confirmed: int, rejected: int, unsure: int, unreviewed: int, figures: int
) -> None:
    image = saved()
    counts = corrected(image, {"Ann": reviewed(image, verdicts)})
    found = (counts.confirmed, counts.rejected, counts.unsure, counts.unreviewed)
    assert found == (confirmed, rejected, unsure, unreviewed)
    assert counts.mitotic_figures == figures
    assert counts.mitotic_figures_per_mm2 == pytest.approx(figures / AREA)


def test_the_majority_decides() -> None:
    image = saved()
    by = {
        name: reviewed(image, keys)
        for name, keys in zip("ABC", ("yny-u", "yn-", "nyu"), strict=True)
    }
    verdicts = [cell.verdict for cell in reviewed_cells(image, by)]
    assert verdicts == ["mitotic figure", "non-mitotic figure", "unsure", "unsure"]
    assert corrected(image, {name: by[name] for name in "AC"}).unsure == 4, "two that disagree"


def test_added_figures_of_reviewers_are_one_cell_where_they_are_close() -> None:
    """7.5 µm are 30 px here."""
    image = saved()
    marked = {"A": ((100.0, 20.0), (200.0, 20.0)), "B": ((129.0, 20.0), (231.0, 20.0))}
    by = {name: reviewed(image, "", places) for name, places in marked.items()}
    counts = corrected(image, by)
    assert (counts.added, counts.unsure) == (1, 2)
    assert corrected(image, {"A": by["A"]}).added == 2
    assert counts.mitotic_figures == 3 + 1


def test_without_tissue_there_is_no_density() -> None:
    image = saved(tissue={"area_mm2": 0.0, "share": 0.0, "mitotic_figures_per_mm2": None})
    assert corrected(image, {"A": reviewed(image, "y")}).mitotic_figures_per_mm2 is None
