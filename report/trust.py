"""Signs that a result needs a closer look. They need no labels."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from batch.counts import ODDS_SHIFT, threshold_at
from report.saved import Saved


class Count(NamedTuple):
    """How many detections a threshold calls mitotic figures."""

    threshold: float
    figures: int


def counts(saved: Saved) -> list[Count]:
    """Counts at the run's threshold, in the middle, and at odds up to ODDS_SHIFT times away."""
    probabilities = sorted(-d.probability for d in saved.detections)
    factors = (1 / ODDS_SHIFT, 1 / 2, 1.0, 2.0, ODDS_SHIFT)
    moved = [threshold_at(saved.threshold, factor) for factor in factors]
    return [Count(at, bisect_right(probabilities, -at)) for at in moved]


def signs(saved: Saved) -> list[str]:
    """Reasons for a closer look, a sentence each; an empty list proves nothing."""
    found = list(saved.result.warnings)
    if not saved.ok:
        return found
    verdict = saved.processed.verdict
    found += [] if verdict is None else [r for r in verdict.reasons if r not in found]
    low, high = counts(saved)[-1].figures, counts(saved)[0].figures
    if high - low > max(2, saved.figures / 2):
        found.append(
            f"The count depends strongly on the threshold: {low} to {high} if the scores shift "
            "as much as they do between slides. Check the near misses."
        )
    before = sum(d.probability_without_adaptation >= saved.threshold for d in saved.detections)
    if abs(before - saved.figures) > max(1, saved.figures / 4):
        found.append(
            f"The adaptation changed the count: {saved.figures} with it, {before} without it (of "
            "the detections listed here)."
        )
    return found
