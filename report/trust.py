"""Signs, seen without labels, that a result needs a closer look."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from report.saved import Saved

# Scores shift from slide to slide: on the validation slide the best threshold had odds 8.4 times
# lower than the card's without calibration, 1.7 times with it (docs/adaptation.md).
ODDS_SHIFT = 5.0


class Count(NamedTuple):
    """How many detections a threshold calls mitotic figures."""

    threshold: float
    figures: int


def counts(saved: Saved) -> list[Count]:
    """Counts at the threshold in the middle, and with its odds moved up to ODDS_SHIFT times."""
    probabilities = sorted(-d["probability"] for d in saved.detections)
    factors = (1 / ODDS_SHIFT, 1 / 2, 1.0, 2.0, ODDS_SHIFT)
    moved = [_move(saved.threshold, factor) for factor in factors]
    return [Count(at, bisect_right(probabilities, -at)) for at in moved]


def _move(probability: float, factor: float) -> float:
    """The probability whose odds are `factor` times as large."""
    if factor == 1 or probability == 1:
        return probability
    odds = factor * probability / (1 - probability)
    return odds / (1 + odds)


def signs(saved: Saved) -> list[str]:
    """What speaks for a closer look, a sentence each; an empty list proves nothing."""
    found = saved.warnings
    if not saved.ok:
        return found
    low, high = counts(saved)[-1].figures, counts(saved)[0].figures
    if high - low > max(2, saved.figures / 2):
        found.append(
            f"The count hangs on the threshold: {low} to {high} where scores shift as much as they "
            "have been seen to between slides. Judge the near misses by eye."
        )
    before = sum(d["probability_without_adaptation"] >= saved.threshold for d in saved.detections)
    if abs(before - saved.figures) > max(1, saved.figures / 4):
        found.append(
            f"The adaptation changed the count: {saved.figures} with it, {before} of the "
            "detections listed without it."
        )
    return found
